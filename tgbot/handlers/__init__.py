"""What the bot does with an update: each module registers plain Telethon handlers with `register(parts)`.

The order of registration is the order of handling: `evidence` first, so that all others know who wrote; the
approval of requests to join that a message calls for; `throttle`, which leaves out who is too fast; the
plugins, which may answer in the bot's place; `start` and the others; `help` last, because it answers what
nobody else has handled.
"""
