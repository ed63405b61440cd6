// What the bots have in common: where to go (JSON in $STAGE), one line of JSON on stdout for each thing that happens
// (ready, message, press, error), and what they answer, in terms of the few acts that each library does its own way.
// They end when stdin does.
export const stage = JSON.parse(process.env.STAGE)
export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)
export const atEnd = (close) => {
    process.stdin.on('end', async () => {
        await close()
        process.exit(0)
    })
    process.stdin.resume()
}

export async function answer(text, acts) {
    const [command, argument] = text.split(' ')
    switch (command) {
        case '/start':
            return acts.send(`welcome${text.slice(6)}`)
        case '/edit':
            return acts.edit(await acts.send('first'), 'second')
        case '/delete':
            return acts.remove(await acts.send('gone at once'))
        case '/keyboard':
            return acts.sendWithButton('choose', 'press me', 'data-1')
        case '/whois':
            return acts.send(JSON.stringify(await acts.whois(argument)))
        case '/poke':
            try {
                await acts.typing(argument)
                return acts.send('poked')
            } catch (error) {
                return acts.send(acts.errorName(error))
            }
        default:
            return acts.send(`you said: ${text}`)
    }
}
