// Writes each method of the schema of the library named, in four shapes, with that library's writer. A line has the
// method's name, the bytes in hex and, as JSON, what its plain arguments are.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const gramjs = process.argv[2] === 'gramjs'
let seed = 7
const random = (below) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return (seed >> 8) % below
}
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())

// {name, method, type, args: [{name, type, flag}]}
function* gramjsSchema() {
    let method = false
    for (const line of require('telegram/tl/apiTl.js').split('\n')) {
        if (line.startsWith('---')) method = line.includes('functions')
        const found = line.match(/^([\w.]+)#[0-9a-f]+ ?(.*?) ?= ([^;]+);/)
        if (!found || /^(vector|true|boolTrue|boolFalse|error|null)$/.test(found[1])) continue
        const args = found[2].split(' ').filter((arg) => /^\w+:/.test(arg))
        yield {
            name: found[1],
            method,
            type: found[3],
            args: args.map((arg) => {
                const [name, type] = arg.split(':')
                const [first, second] = type.split('?')
                return { name, type: second ?? first, flag: second && first }
            }),
        }
    }
}

function* mtcuteSchema() {
    const path = new URL('./node_modules/@mtcute/core/tl/api-schema.json', import.meta.url)
    for (const entry of JSON.parse(readFileSync(path)).e) {
        // What mtcute adds for itself is not Telegram's.
        if (entry.name.startsWith('mtcute.') || entry.name.endsWith('Legacy')) continue
        yield {
            name: entry.name,
            method: entry.kind === 'method',
            type: entry.type,
            args: entry.arguments.map(({ name, type, typeModifiers: { isVector, predicate } = {} }) => ({
                name,
                type: isVector ? `Vector<${type}>` : type,
                flag: predicate,
            })),
        }
    }
}

async function library() {
    if (gramjs) {
        const { Api } = require('telegram')
        const bigInt = require('big-integer')
        return {
            long: (number) => bigInt(number),
            bits: () => bigInt(77),
            make: (name, values) => {
                const path = name.split('.').map((part, index, all) =>
                    index === all.length - 1 ? part[0].toUpperCase() + part.slice(1) : part)
                return new (path.reduce((found, part) => found[part], Api))(values)
            },
            write: (object) => object.getBytes(),
        }
    }
    const { __tlWriterMap } = await import('./node_modules/@mtcute/core/tl/binary/writer.js')
    const { TlBinaryWriter } = await import('@mtcute/tl-runtime')
    const Long = (await import('long')).default
    return {
        long: (number) => Long.fromNumber(number),
        bits: (count) => new Uint8Array(count / 8).fill(3),
        make: (name, values) => ({ _: name, ...values }),
        write: (object) => Buffer.from(TlBinaryWriter.serializeObject(__tlWriterMap, object)),
    }
}

const schema = [...(gramjs ? gramjsSchema() : mtcuteSchema())]
const { long, bits, make, write } = await library()
const byType = new Map()
for (const entry of schema.filter((one) => !one.method)) {
    byType.set(entry.type, [...(byType.get(entry.type) ?? []), entry])
}
const ping = schema.find((entry) => entry.name === 'help.getConfig')
const isObject = ({ type, flag }) => !flag && /^[\w.]*[A-Z!]/.test(type) && !/^(Vector|Bool$)/.test(type)

function value(type, depth, share) {
    if (type.startsWith('Vector<')) {
        return Array.from({ length: random(3) }, () => value(type.slice(7, -1), depth, share))
    }
    switch (type) {
        case 'int': case 'int53': return random(1000) + 1
        case 'long': return long(random(1000000) + 1)
        case 'double': return 1.5
        case 'string': return `текст ${random(100)}`
        case 'bytes': return Buffer.from('bytes')
        case 'Bool': return random(2) === 1
        case 'int128': return bits(128)
        case 'int256': return bits(256)
        case '!X': case 'X': return build(ping, 0, 0).object
    }
    let choices = byType.get(type)
    if (depth <= 0) {
        const ends = choices.filter((entry) => !entry.args.some(isObject))
        choices = ends.length ? ends : choices
    }
    return build(choices[random(choices.length)], depth - 1, share).object
}

function build(entry, depth, share) {
    const values = {}
    const told = {}
    const there = {}
    for (const { name, type, flag } of entry.args) {
        if (type === '#') continue
        if (flag) {
            there[flag] ??= random(100) < share
            if (!there[flag]) continue
        }
        values[camel(name)] = type === 'true' ? true : value(type, depth, share)
        // Not any button may be there.
        if (entry.name === 'replyInlineMarkup') values.rows = []
        if (/^(int|int53|string|Bool|true)$/.test(type)) told[name] = values[camel(name)]
    }
    return { object: make(entry.name, values), told }
}

for (const entry of schema.filter((one) => one.method)) {
    for (const share of [0, 100, 50, 50]) {
        const { object, told } = build(entry, 2, share)
        process.stdout.write(`${entry.name} ${write(object).toString('hex')} ${JSON.stringify(told)}\n`)
    }
}
