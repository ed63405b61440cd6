"""The story: a server, the bot and four people on this machine, each line printed as it happens.

    play.py     the stage is set, the story told, and all of it taken down again
    story.py    what happens, scene by scene
    prompt.py   what somebody types afterwards
    stage.py    where lines are shown
    person.py   somebody with an account and a client
    browser.py  what a person's browser does on the login page
    process.py  the bot: `tgbot run` as a process of its own
    sums.py     the plugin of the story; the bot finds it beside its settings

The server runs in this process, and the people are plain Telethon clients on its wire. The bot is a process
of its own with nothing but environment variables: what is seen here is what runs elsewhere, its start, its
files, its crash and its stop included.
"""

from tgbot.demo.play import INTERRUPTED, play

__all__ = ["INTERRUPTED", "play"]
