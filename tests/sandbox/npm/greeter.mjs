// A bot on mtcute that answers /start and does nothing else: what the benchmarks measure beside other clients.
import { MemoryStorage, TelegramClient } from '@mtcute/node'
import { addPublicKey, NodeCryptoProvider } from '@mtcute/node/utils.js'
import { say, stage } from './stage.mjs'

const crypto = new NodeCryptoProvider()
addPublicKey(crypto, stage.public_key)
const dc = { id: stage.dc_id, ipAddress: stage.host, port: stage.port }
const client = new TelegramClient({
    apiId: stage.api_id,
    apiHash: stage.api_hash,
    crypto,
    storage: new MemoryStorage(),
    defaultDcs: { main: dc, media: dc },
    logLevel: 1,
})
client.onNewMessage.add(async ({ isOutgoing, sender, text }) => {
    if (!isOutgoing && /^\/start( .+)?$/.test(text)) await client.sendText(sender, stage.greeting)
})
const me = await client.start({ botToken: stage.token })
say({ ready: me.id })
