// Reads TL objects, one a line in hex, with the reader of the library named: "ok" for one that it reads to the end.
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const require = createRequire(import.meta.url)

async function reader(library) {
    if (library === 'gramjs') {
        const { BinaryReader } = require('telegram/extensions')
        return (data) => {
            const reader = new BinaryReader(data)
            reader.tgReadObject()
            return reader.tellPosition()
        }
    }
    // mtcute keeps its map of readers to itself, so it is taken by its path.
    const { __tlReaderMap } = await import('./node_modules/@mtcute/core/tl/binary/reader.js')
    const { TlBinaryReader } = await import('@mtcute/tl-runtime')
    return (data) => {
        const reader = new TlBinaryReader(__tlReaderMap, new Uint8Array(data))
        reader.object()
        return reader.pos
    }
}

const read = await reader(process.argv[2])
const lines = []
for await (const line of createInterface({ input: process.stdin })) {
    const data = Buffer.from(line, 'hex')
    try {
        const left = data.length - read(data)
        lines.push(left ? `${left} bytes left` : 'ok')
    } catch (error) {
        lines.push(String(error.message).split('\n')[0])
    }
}
process.stdout.write(lines.join('\n'))
