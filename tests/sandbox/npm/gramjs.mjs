// A bot on GramJS that answers what it is sent; see stage.mjs for the lines it prints.
import { createHash, createPublicKey } from 'node:crypto'
import { createRequire } from 'node:module'
import { reply, say, stage } from './stage.mjs'

const require = createRequire(import.meta.url)
const bigInt = require('big-integer')
const { TelegramClient } = require('telegram')
const { LAYER } = require('telegram/tl/AllTLObjects')
const { NewMessage } = require('telegram/events')
const { Logger, LogLevel } = require('telegram/extensions/Logger')
const { ConnectionTCPFull } = require('telegram/network/connection')
const { StringSession } = require('telegram/sessions')
const { _serverKeys } = require('telegram/crypto/RSA')

function trust(pem) {
    const { n, e } = createPublicKey(pem).export({ format: 'jwk' })
    const modulus = Buffer.from(n, 'base64url')
    const exponent = Buffer.from(e, 'base64url')
    // The fingerprint is the low half of the SHA1 of both as TL bytes, read as a signed little-endian number.
    const long = Buffer.concat([Buffer.from([254, modulus.length & 255, modulus.length >> 8, 0]), modulus])
    const short = Buffer.concat([Buffer.from([exponent.length]), exponent])
    const digest = createHash('sha1').update(Buffer.concat([long, short])).digest()
    const fingerprint = digest.readBigInt64LE(12).toString()
    _serverKeys.set(fingerprint, { n: bigInt(modulus.toString('hex'), 16), e: parseInt(exponent.toString('hex'), 16) })
}

trust(stage.public_key)

// GramJS takes the address from the session, but always port 80, and cannot save one above 32767.
class Connection extends ConnectionTCPFull {
    constructor(params) {
        super({ ...params, ip: stage.host, port: stage.port })
    }
}

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
    say({ event: 'message', text: message.text, from: Number(sender.id), name: sender.firstName })
    const sent = await client.sendMessage(sender, { message: reply(message.text) })
    say({ event: 'sent', id: sent.id })
}, new NewMessage({ incoming: true }))
await client.start({ botAuthToken: stage.token, onError: (error) => say({ event: 'error', text: String(error) }) })
const me = await client.getMe()
say({ event: 'ready', id: Number(me.id), username: me.username, layer: LAYER })
process.stdin.on('end', async () => {
    await client.destroy()
    process.exit(0)
})
process.stdin.resume()
