// What the bots have in common: where to go (JSON in $STAGE), and one line of JSON on stdout for each thing that
// happens: ready, message, sent, error. They end when stdin does.
export const stage = JSON.parse(process.env.STAGE)
export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
export const reply = (text) => (text.startsWith('/start') ? `welcome${text.slice(6)}` : `you said: ${text}`)
