"""The bot's pages over HTTP: the login page with Telegram's widget, its callback, and `/healthz`.

    login.py     the widget's login data: read and checked; pure
    proofs.py    the mark of the browser in which a login was accepted; pure
    onward.py    the token for one's own site, to which visitors go on; pure
    page.py      the page in each of its states (page.html, page.css)
    greeting.py  the bot's message to a user who logged in
    door.py      the connections: how many, and for how long
    site.py      the HTTP listener

Telegram's newer login (OpenID Connect) would be one more module beside login.py, with an address of its own
in site.py: what follows a login, from the evidence on, is the same.
"""

from tgbot.web.site import Settings, open_site

__all__ = ["Settings", "open_site"]
