// A client on GramJS, or on teleproto, which is made of it. It obeys orders.
import { createHash, createPublicKey } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { run, say, stage } from './lines.mjs'

const library = process.argv[2]
const packages = createRequire(new URL('../../sandbox/npm/package.json', import.meta.url))
const bigInt = packages('big-integer')
const { Api, TelegramClient } = packages(library)
const { _serverKeys } = packages(`${library}/crypto/RSA`)
const { NewMessage, Raw } = packages(`${library}/events`)
const { CallbackQuery } = packages(`${library}/events/CallbackQuery`)
const { DeletedMessage } = packages(`${library}/events/DeletedMessage`)
const { EditedMessage } = packages(`${library}/events/EditedMessage`)
const { Logger, LogLevel } = packages(`${library}/extensions/Logger`)
const { ConnectionTCPFull } = packages(`${library}/network/connection`)
const { StringSession } = packages(`${library}/sessions`)
const { Button } = packages(`${library}/tl/custom/button`)

// The fingerprint is the low half of the SHA1 of both numbers as TL bytes, read as a signed little-endian number.
function trust(pem) {
    const { n } = createPublicKey(pem).export({ format: 'jwk' })
    const modulus = Buffer.from(n, 'base64url')
    const bytes = Buffer.concat([Buffer.from([254, 0, 1, 0]), modulus, Buffer.from([3, 1, 0, 1])])
    const fingerprint = createHash('sha1').update(bytes).digest().readBigInt64LE(12).toString()
    _serverKeys.set(fingerprint, { n: bigInt(modulus.toString('hex'), 16), e: 65537 })
}

// The library takes the address from the session, but always port 80, and cannot save one above 32767.
class Connection extends ConnectionTCPFull {
    constructor(params) {
        super({ ...params, ip: stage.host, port: stage.port })
    }
}

trust(stage.public_key)
const kept = join(stage.directory, 'session')
const session = new StringSession(existsSync(kept) ? readFileSync(kept, 'utf8') : '')
if (!existsSync(kept)) session.setDC(stage.dc_id, stage.host, 80)
const client = new TelegramClient(session, stage.api_id, stage.api_hash, {
    baseLogger: new Logger(LogLevel.NONE),
    connection: Connection,
    connectionRetries: 20,
    retryDelay: 100,
})
const emoji = (reactions) => reactions.map((one) => one.emoticon)
client.onError = async (error) => process.stderr.write(`${error.stack}\n`)
client.addEventHandler(({ message }) => {
    const labels = (message.replyMarkup?.rows ?? []).map((row) => row.buttons.map((button) => button.text))
    const media = Boolean(message.media)
    say('message', { chat: Number(message.chatId), id: message.id, text: message.message, media, labels })
}, new NewMessage({ incoming: true }))
client.addEventHandler(({ message }) => {
    if (!message.out) say('edited', { chat: Number(message.chatId), id: message.id, text: message.message })
}, new EditedMessage({}))
client.addEventHandler(({ deletedIds }) => say('deleted', { ids: deletedIds }), new DeletedMessage({}))
client.addEventHandler(({ query, data }) => {
    say('press', { query: query.queryId.toString(), data: data.toString() })
}, new CallbackQuery())
client.addEventHandler((update) => {
    switch (update.className) {
        case 'UpdateBotInlineQuery':
            return say('inline', { query: update.queryId.toString(), text: update.query })
        case 'UpdateMessagePollVote':
            return say('vote', { options: update.options.length })
        case 'UpdateMessageReactions':
            return say('reaction', {
                id: update.msgId,
                emoji: emoji(update.reactions.results.map((one) => one.reaction)),
            })
        case 'UpdateBotMessageReaction':
            return say('reaction', { id: update.msgId, emoji: emoji(update.newReactions) })
    }
}, new Raw({}))

const words = (text) => new Api.TextWithEntities({ text, entities: [] })

run(
    {
        async login() {
            const refused = (error) => {
                throw error
            }
            await client.start(
                stage.token
                    ? { botAuthToken: stage.token, onError: refused }
                    : { phoneNumber: stage.phone, phoneCode: async () => stage.code, onError: refused },
            )
            const me = await client.getMe()
            return { id: Number(me.id), username: me.username }
        },
        async close() {
            writeFileSync(kept, client.session.save())
            await client.destroy()
        },
        async send({ to, text, buttons }) {
            const rows = buttons?.map((row) => row.map(([label, data]) => Button.inline(label, Buffer.from(data))))
            return { id: (await client.sendMessage(to, { message: text, buttons: rows })).id }
        },
        async start({ to, payload }) {
            await client.invoke(new Api.messages.StartBot({ bot: to, peer: to, startParam: payload }))
        },
        async edit({ chat, id, text }) {
            await client.editMessage(chat, { message: id, text })
        },
        async delete({ chat, id }) {
            await client.deleteMessages(chat, [id], { revoke: true })
        },
        async press({ chat, id, data }) {
            const request = new Api.messages.GetBotCallbackAnswer({ peer: chat, msgId: id, data: Buffer.from(data) })
            return { text: (await client.invoke(request)).message }
        },
        async answer_press({ query, text }) {
            const request = { queryId: bigInt(query), message: text, cacheTime: 0 }
            await client.invoke(new Api.messages.SetBotCallbackAnswer(request))
        },
        async upload({ to, path, photo }) {
            return { id: (await client.sendFile(to, { file: path, forceDocument: !photo })).id }
        },
        async download({ chat, id, path }) {
            const [message] = await client.getMessages(chat, { ids: [id] })
            writeFileSync(path, await client.downloadMedia(message))
        },
        async create_group({ title, users }) {
            const made = await client.invoke(new Api.messages.CreateChat({ title, users }))
            return { chat: -Number((made.updates ?? made).chats[0].id) }
        },
        async poll({ to, question, options }) {
            const answers = options.map((text, n) => new Api.PollAnswer({ text: words(text), option: Buffer.from([n]) }))
            const hash = bigInt.zero
            const poll = new Api.Poll({ id: bigInt.one, question: words(question), answers, publicVoters: true, hash })
            return { id: (await client.sendMessage(to, { file: new Api.InputMediaPoll({ poll }) })).id }
        },
        async vote({ chat, id, option }) {
            const [message] = await client.getMessages(chat, { ids: [id] })
            const options = [message.media.poll.answers[option].option]
            await client.invoke(new Api.messages.SendVote({ peer: chat, msgId: id, options }))
        },
        async react({ chat, id, emoji }) {
            const reaction = [new Api.ReactionEmoji({ emoticon: emoji })]
            await client.invoke(new Api.messages.SendReaction({ peer: chat, msgId: id, reaction }))
        },
        async ask_inline({ bot, text }) {
            const request = { bot, peer: 'me', query: text, offset: '' }
            const found = await client.invoke(new Api.messages.GetInlineBotResults(request))
            return { query: found.queryId.toString(), results: found.results.map((one) => [one.id, one.title]) }
        },
        async send_inline({ to, query, result }) {
            const request = { peer: to, queryId: bigInt(query), id: result, randomId: bigInt(Date.now()) }
            await client.invoke(new Api.messages.SendInlineBotResult(request))
        },
        async answer_inline({ query, title, text }) {
            const sendMessage = new Api.InputBotInlineMessageText({ message: text })
            const results = [new Api.InputBotInlineResult({ id: 'one', type: 'article', title, sendMessage })]
            const request = { queryId: bigInt(query), results, cacheTime: 0 }
            await client.invoke(new Api.messages.SetInlineBotResults(request))
        },
    },
    (error) => error.errorMessage ?? error.message,
)
