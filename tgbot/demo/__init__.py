"""The demo: a Telegram server, the bot and four people on this machine; all they say is printed.

    play.py     start server, people and bot; play the story; stop them
    story.py    the scenes
    prompt.py   the lines that are typed after the story
    stage.py    the output
    person.py   a user with a plain Telethon client
    browser.py  a user's browser on the login page
    process.py  the bot: `tgbot run` as a separate process
    sums.py     the plugin of the story, in the bot's working directory

The server runs in this process, and the people are plain Telethon clients connected to it. The bot is a
separate process, configured by environment variables only: it starts, crashes and stops as it does anywhere.
"""

from tgbot.demo.play import INTERRUPTED, play

__all__ = ["INTERRUPTED", "play"]
