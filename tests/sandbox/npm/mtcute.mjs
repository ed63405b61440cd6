// A bot on mtcute; stage.mjs says what it does.
import { BotKeyboard, MemoryStorage, TelegramClient } from '@mtcute/node'
import { addPublicKey, NodeCryptoProvider } from '@mtcute/node/utils.js'
import { answer, atEnd, say, stage } from './stage.mjs'

const crypto = new NodeCryptoProvider()
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
    const { sender, text } = message
    say({ event: 'message', text, from: sender.id, name: sender.displayName, username: sender.username })
    await answer(text, {
        send: (reply) => client.sendText(sender, reply),
        sendWithButton: (reply, label, data) =>
            client.sendText(sender, reply, { replyMarkup: BotKeyboard.inline([[BotKeyboard.callback(label, data)]]) }),
        edit: (sent, reply) => client.editMessage({ message: sent, text: reply }),
        remove: (sent) => client.deleteMessages([sent]),
        whois: async (name) => {
            const user = await client.getUser(name)
            return { id: user.id, name: user.firstName, bot: user.isBot }
        },
        typing: (name) => client.sendTyping(name, 'typing'),
        errorName: (error) => error.text,
    })
})
client.onCallbackQuery.add(async (press) => {
    say({ event: 'press', data: press.dataStr, from: press.user.id })
    await client.answerCallbackQuery(press, { text: 'pressed' })
})
const me = await client.start({ botToken: stage.token })
say({ event: 'ready', id: me.id, username: me.username })
atEnd(() => client.destroy())
