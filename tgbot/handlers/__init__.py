"""What the bot does with an update: each module only registers plain Telethon handlers.

The order of registration is the order of handling: `evidence`, `start` and `admin`, then the plugins, and
`help` last, because it answers what nobody else has handled.
"""
