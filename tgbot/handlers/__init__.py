"""What the bot does with an update: each module only registers plain Telethon handlers.

The order of registration is the order of handling: `evidence` first, so that everybody after it knows who
wrote; then the plugins, who may answer in the bot's stead; `start` and the others; `help` last, because it
answers what nobody else has handled.
"""
