// A bot on mtcute that answers what it is sent; see stage.mjs for the lines it prints.
import { MemoryStorage, TelegramClient } from '@mtcute/node'
import { addPublicKey, NodeCryptoProvider } from '@mtcute/node/utils.js'
import { reply, say, stage } from './stage.mjs'

const crypto = new NodeCryptoProvider()
await crypto.initialize?.()
addPublicKey(crypto, stage.public_key)
const dc = { id: stage.dc_id, ipAddress: stage.host, port: stage.port }
const client = new TelegramClient({
    apiId: stage.api_id,
    apiHash: stage.api_hash,
    crypto,
    storage: new MemoryStorage(),
    defaultDcs: { main: dc, media: dc },
    logLevel: stage.verbose ? 5 : 1,
})
client.onError.add((error) => say({ event: 'error', text: String(error) }))
client.onNewMessage.add(async (message) => {
    if (message.isOutgoing) return
    say({ event: 'message', text: message.text, from: message.sender.id, name: message.sender.displayName })
    const sent = await client.sendText(message.sender, reply(message.text))
    say({ event: 'sent', id: sent.id })
})
const me = await client.start({ botToken: stage.token })
say({ event: 'ready', id: me.id, username: me.username, layer: client.layer ?? null })
process.stdin.on('end', async () => {
    await client.destroy()
    process.exit(0)
})
process.stdin.resume()
