// A client on mtcute, of the version that is named. It obeys orders.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import { run, say, stage } from './lines.mjs'

const place = new URL(`../../sandbox/npm/node_modules/${process.argv[2]}/`, import.meta.url)
const { BotInline, BotInlineMessage, BotKeyboard, InputMedia, Long, MemoryStorage, TelegramClient } = await import(
    new URL('index.js', place)
)
const { addPublicKey, NodeCryptoProvider } = await import(new URL('utils.js', place))

const crypto = new NodeCryptoProvider()
addPublicKey(crypto, stage.public_key)
const dc = { id: stage.dc_id, ipAddress: stage.host, port: stage.port }
// SQLite would have to be compiled; what the memory holds is all that a restart needs.
const storage = new MemoryStorage()
const kept = join(stage.directory, 'storage')
if (existsSync(kept)) {
    for (const [name, state] of deserialize(readFileSync(kept))) {
        const own = storage.driver.states.get(name)
        if (own instanceof Map) for (const [key, value] of state) own.set(key, value)
        else for (const part of Object.keys(state)) for (const [key, value] of state[part]) own[part].set(key, value)
    }
}
const client = new TelegramClient({
    apiId: stage.api_id,
    apiHash: stage.api_hash,
    crypto,
    storage,
    defaultDcs: { main: dc, media: dc },
    // At its first start there is nothing to catch up with, and it would pass over what comes at once.
    updates: { catchUp: existsSync(kept) },
    logLevel: 1,
})
client.onError.add((error) => process.stderr.write(`${error.stack}\n`))
client.onNewMessage.add((message) => {
    if (message.isOutgoing) return
    const rows = message.markup?.type === 'inline' ? message.markup.buttons : []
    const labels = rows.map((row) => row.map((button) => button.text))
    const media = message.media !== null
    say('message', { chat: message.chat.id, id: message.id, text: message.text, media, labels })
})
client.onEditMessage.add((message) => {
    if (!message.isOutgoing) say('edited', { chat: message.chat.id, id: message.id, text: message.text })
})
client.onDeleteMessage.add(({ messageIds }) => say('deleted', { ids: messageIds }))
client.onCallbackQuery.add((query) => say('press', { query: query.id.toString(), data: query.dataStr }))
client.onInlineQuery.add((query) => say('inline', { query: query.id.toString(), text: query.query }))
client.onPollVote.add((vote) => say('vote', { options: vote.raw.options.length }))
client.onRawUpdate.add(({ update }) => {
    const given = update.newReactions ?? update.reactions?.results?.map((one) => one.reaction)
    if (update._ === 'updateMessageReactions' || update._ === 'updateBotMessageReaction')
        say('reaction', { id: update.msgId, emoji: given.map((one) => one.emoticon) })
})

run({
    async login() {
        const me = await client.start(
            stage.token
                ? { botToken: stage.token }
                : { phone: stage.phone, code: stage.code, codeSentCallback: () => {} },
        )
        // What comes while it still fetches its first state is lost to it.
        await client.startUpdatesLoop()
        return { id: me.id, username: me.username }
    },
    async close() {
        await client.destroy()
        writeFileSync(kept, serialize(storage.driver.states))
    },
    async send({ to, text, buttons }) {
        const rows = buttons?.map((row) => row.map(([label, data]) => BotKeyboard.callback(label, data)))
        return { id: (await client.sendText(to, text, rows && { replyMarkup: BotKeyboard.inline(rows) })).id }
    },
    async start({ to, payload }) {
        const peer = await client.resolvePeer(to)
        const bot = { _: 'inputUser', userId: peer.userId, accessHash: peer.accessHash }
        const randomId = Long.fromNumber(Date.now())
        const sent = await client.call({ _: 'messages.startBot', bot, peer, randomId, startParam: payload })
        client.handleClientUpdate(sent)
    },
    async edit({ chat, id, text }) {
        await client.editMessage({ chatId: chat, message: id, text })
    },
    async delete({ chat, id }) {
        await client.deleteMessagesById(chat, [id])
    },
    async press({ chat, id, data }) {
        return { text: (await client.getCallbackAnswer({ chatId: chat, message: id, data })).message }
    },
    async answer_press({ query, text }) {
        await client.answerCallbackQuery(Long.fromString(query), { text })
    },
    async upload({ to, path, photo }) {
        const file = `file:${path}`
        return { id: (await client.sendMedia(to, photo ? InputMedia.photo(file) : InputMedia.document(file))).id }
    },
    async download({ chat, id, path }) {
        const [message] = await client.getMessages(chat, id)
        writeFileSync(path, await client.downloadAsBuffer(message.media))
    },
    async create_group({ title, users }) {
        return { chat: (await client.createGroup({ title, users })).chat.id }
    },
    async poll({ to, question, options }) {
        return { id: (await client.sendMedia(to, InputMedia.poll({ question, answers: options, public: true }))).id }
    },
    async vote({ chat, id, option }) {
        await client.sendVote({ chatId: chat, message: id, options: option })
    },
    async react({ chat, id, emoji }) {
        await client.sendReaction({ chatId: chat, message: id, emoji })
    },
    async ask_inline({ bot, text }) {
        const peer = await client.resolvePeer(bot)
        const user = { _: 'inputUser', userId: peer.userId, accessHash: peer.accessHash }
        const request = { _: 'messages.getInlineBotResults', bot: user, peer, query: text, offset: '' }
        const found = await client.call(request)
        return { query: found.queryId.toString(), results: found.results.map((one) => [one.id, one.title]) }
    },
    async send_inline({ to, query, result }) {
        const peer = await client.resolvePeer(to)
        const [queryId, randomId] = [Long.fromString(query), Long.fromNumber(Date.now())]
        const sent = await client.call({ _: 'messages.sendInlineBotResult', peer, queryId, id: result, randomId })
        client.handleClientUpdate(sent)
    },
    async answer_inline({ query, title, text }) {
        const result = BotInline.article('one', { title, message: BotInlineMessage.text(text) })
        await client.answerInlineQuery(Long.fromString(query), [result], { cacheTime: 0 })
    },
})
