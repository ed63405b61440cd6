// What the programs on Node have in common; lines.py says what they obey and print.
import { createInterface } from 'node:readline'

export const stage = JSON.parse(process.env.STAGE)
const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
export const say = (event, fields) => print({ event, ...fields })

// Carry out orders, which are methods of `acts`, until stdin ends; then `acts.close`.
export function run(acts, errorText) {
    const lines = createInterface({ input: process.stdin })
    lines.on('line', async (line) => {
        const { order, do: act, ...fields } = JSON.parse(line)
        try {
            print({ order, answer: (await acts[act](fields)) ?? {} })
        } catch (error) {
            const text = errorText?.(error) ?? error.message
            print({ order, error: `${error.constructor.name}: ${text}`.replace(/\s+/g, ' ').slice(0, 300) })
        }
    })
    lines.on('close', async () => {
        await acts.close()
        process.exit(0)
    })
}

process.on('unhandledRejection', (error) => process.stderr.write(`${error?.stack ?? error}\n`))
