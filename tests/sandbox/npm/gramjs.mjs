// A bot on GramJS; stage.mjs says what it does.
import { createHash, createPublicKey } from 'node:crypto'
import { createRequire } from 'node:module'
import { answer, atEnd, say, stage } from './stage.mjs'

const require = createRequire(import.meta.url)
const bigInt = require('big-integer')
const { Api, TelegramClient } = require('telegram')
const { _serverKeys } = require('telegram/crypto/RSA')
const { NewMessage } = require('telegram/events')
const { CallbackQuery } = require('telegram/events/CallbackQuery')
const { Logger, LogLevel } = require('telegram/extensions/Logger')
const { ConnectionTCPFull } = require('telegram/network/connection')
const { StringSession } = require('telegram/sessions')
const { Button } = require('telegram/tl/custom/button')

function trust(pem) {
    const { n, e } = createPublicKey(pem).export({ format: 'jwk' })
    const modulus = Buffer.from(n, 'base64url')
    const exponent = Buffer.from(e, 'base64url')
    // The fingerprint is the low half of the SHA1 of both as TL bytes, read as a signed little-endian number.
    const long = Buffer.concat([Buffer.from([254, modulus.length & 255, modulus.length >> 8, 0]), modulus])
    const short = Buffer.concat([Buffer.from([exponent.length]), exponent])
    const digest = createHash('sha1').update(Buffer.concat([long, short])).digest()
    const key = { n: bigInt(modulus.toString('hex'), 16), e: parseInt(exponent.toString('hex'), 16) }
    _serverKeys.set(digest.readBigInt64LE(12).toString(), key)
}

// GramJS takes the address from the session, but always port 80, and cannot save one above 32767.
class Connection extends ConnectionTCPFull {
    constructor(params) {
        super({ ...params, ip: stage.host, port: stage.port })
    }
}

trust(stage.public_key)
const session = new StringSession('')
session.setDC(stage.dc_id, stage.host, 80)
const client = new TelegramClient(session, stage.api_id, stage.api_hash, {
    baseLogger: new Logger(stage.verbose ? LogLevel.DEBUG : LogLevel.NONE),
    connection: Connection,
    connectionRetries: 2,
})
client.onError = async (error) => say({ event: 'error', text: String(error) })
client.addEventHandler(async ({ message }) => {
    const sender = await message.getSender()
    const { text } = message
    say({ event: 'message', text, from: Number(sender.id), name: sender.firstName, username: sender.username })
    await answer(text, {
        send: (reply) => client.sendMessage(sender, { message: reply }),
        sendWithButton: (reply, label, data) =>
            client.sendMessage(sender, { message: reply, buttons: [[Button.inline(label, Buffer.from(data))]] }),
        edit: (sent, reply) => client.editMessage(sender, { message: sent.id, text: reply }),
        remove: (sent) => client.deleteMessages(sender, [sent.id], { revoke: true }),
        whois: async (name) => {
            const user = await client.getEntity(name)
            return { id: Number(user.id), name: user.firstName, bot: Boolean(user.bot) }
        },
        typing: (name) =>
            client.invoke(new Api.messages.SetTyping({ peer: name, action: new Api.SendMessageTypingAction() })),
        errorName: (error) => error.errorMessage,
    })
}, new NewMessage({ incoming: true }))
client.addEventHandler(async (press) => {
    say({ event: 'press', data: press.data.toString(), from: Number(press.query.userId) })
    await press.answer({ message: 'pressed' })
}, new CallbackQuery())
await client.start({
    botAuthToken: stage.token,
    onError: (error) => say({ event: 'error', text: String(error) }),
})
const me = await client.getMe()
say({ event: 'ready', id: Number(me.id), username: me.username })
atEnd(() => client.destroy())
