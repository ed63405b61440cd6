"""The bot's pages over HTTP: the login page with Telegram's widget, its callback, and `/healthz`.

    login.py     login data of the widget: read, checked; pure
    used.py      which login data has been used, on disk
    page.py      the page in each of its states (page.html, page.css)
    greeting.py  the bot's words to who logged in, as soon as Telegram lets them through
    site.py      the listener

Telegram's newer login (OpenID Connect) would be one more module beside login.py, with an address of its own
in site.py: what follows a login, from the evidence on, is the same.
"""

from tgbot.web.site import Site, open_site

__all__ = ["Site", "open_site"]
