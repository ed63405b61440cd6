"""The login page in each of its states, in the visitor's language. The template is read once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress
from html import escape
from importlib.resources import files
from operator import itemgetter
from string import Template
from typing import Final
from urllib.parse import urlsplit

from tgbot.core.links import LinkKind, bot_link
from tgbot.core.names import clean_name
from tgbot.locales.texts import Texts

#: Origin of a script → origin of the frame with its button, where the two differ.
_TELEGRAM: Final = {"https://telegram.org": "https://oauth.telegram.org"}
#: Language codes read from one header; the rest is ignored.
_MOST_LANGUAGES: Final = 20


class Page:
    """Renders the page for one bot on one site. Everything put into it is escaped here."""

    def __init__(self, texts: Texts, *, name: str, username: str, site: str, widget: str) -> None:
        folder = files("tgbot.web")
        self._template = Template(folder.joinpath("page.html").read_text(encoding="utf-8"))
        self._style = folder.joinpath("page.css").read_text(encoding="utf-8")
        self._texts = texts
        self._name = clean_name(name) or username
        self._chat = bot_link(LinkKind.START, username).web
        self._username = username
        self._domain = urlsplit(site).hostname or ""
        self._callback = f"{site}/callback"
        self._widget = widget
        #: The Content-Security-Policy: this style, the script, and the frame that the script opens.
        self.policy = self._policy()

    def start(self, language: str, nonce: str = "") -> str:
        """Return the page with the button; a nonce comes along with the login."""
        callback = f"{self._callback}?nonce={nonce}" if nonce else self._callback
        script = (
            f'<script async src="{escape(self._widget)}" data-telegram-login="{self._username}"'
            ' data-size="large" data-radius="12" data-userpic="false" data-request-access="write"'
            f' data-lang="{escape(language)}" data-auth-url="{escape(callback)}"></script>'
        )
        say = self._phrases(language, server=urlsplit(self._widget).hostname or "")
        body = (
            f"<p>{say('login-why')}</p>"
            f'<div class="widget">{script}<noscript>{say("login-no-script")}</noscript>'
            # The script puts the button before itself. Without one, the style shows this after some seconds.
            f'<p class="absent" role="status">{say("login-no-button")}</p></div>'
            f"<ul><li>{say('login-gives-name')}</li><li>{say('login-gives-writing')}</li>"
            f"<li>{say('login-gives-no-more')}</li></ul>"
            f'<p class="soft">{say("login-instead")} <a href="{self._chat}">@{escape(self._username)}</a></p>'
        )
        return self._page(language, "start", self._name[:1].upper(), say("login-title"), body)

    def done(self, language: str, name: str, *, greeted: bool) -> str:
        """Return the page after a login: the bot has written to the user, or they are to open the chat."""
        name = clean_name(name)
        say = self._phrases(language, name=name)
        words = "login-done-greeted" if greeted else "login-done-open"
        link = self._chat if greeted else bot_link(LinkKind.START, self._username, "login").web
        body = f"<p>{say(words)}</p>{_button(link, say('login-open-chat'))}"
        return self._page(language, "done", "✓", say("login-done" if name else "login-done-nameless"), body)

    def done_before(self, language: str, then: str) -> str:
        """Return the page for the visitor who logged in, and loads the page of that login again.

        From it they go on to the address `then`, or to the chat if that is "".
        """
        say = self._phrases(language)
        words = "login-go-on" if then else "login-open-chat"
        body = f"<p>{say('login-done-before')}</p>{_button(then or self._chat, say(words))}"
        return self._page(language, "done", "✓", say("login-done-nameless"), body)

    def refused(self, language: str, reason: str, field: str = "", nonce: str = "") -> str:
        """Return the page that says why a login was not accepted."""
        start = f"/?nonce={nonce}" if nonce else "/"
        return self._stopped(language, f"login-refused-{reason}", start, field=field)

    def trouble(self, language: str) -> str:
        """Return the page for an error of ours."""
        return self._stopped(language, "login-trouble")

    def absent(self, language: str) -> str:
        """Return the page for an address that does not exist."""
        say = self._phrases(language)
        return self._page(language, "refused", "?", say("login-absent"), _button("/", say("login-to-start")))

    def _stopped(self, language: str, words: str, start: str = "/", **args: str) -> str:
        say = self._phrases(language, **args)
        body = f"<p>{say(words)}</p>{_button(start, say('login-again'))}"
        return self._page(language, "refused", "!", say("login-refused"), body)

    def _phrases(self, language: str, **args: str) -> Callable[[str], str]:
        """Return what renders texts of a language as HTML: each is escaped as a whole, with its arguments."""
        values = args | {"bot": self._name, "domain": self._domain}
        return lambda message_id: escape(self._texts.render(language, message_id, **values))

    def _page(self, language: str, state: str, badge: str, heading: str, body: str) -> str:
        values = {"language": language, "state": state, "heading": heading, "body": body}
        title = f"{heading} · {escape(self._domain)}"
        footer = self._phrases(language)("login-footer")
        return self._template.substitute(
            values, title=title, style=self._style, badge=escape(badge), footer=footer
        )

    def _policy(self) -> str:
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        script = urlsplit(self._widget)
        origin = f"{script.scheme}://{script.netloc}"
        return (
            f"default-src 'none'; script-src {origin}{script.path}; frame-src {_TELEGRAM.get(origin, origin)}"
            f"; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )


def chosen(texts: Texts, accepted: str) -> str:
    """Return the language with texts that an Accept-Language header likes best; English if there is none."""
    liked: list[tuple[float, str]] = []
    for part in accepted.split(",")[:_MOST_LANGUAGES]:
        code, _, quality = part.partition(";")
        with suppress(ValueError):
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
            if code.strip() and weight > 0:
                liked.append((-weight, code.strip()))
    for _, code in sorted(liked, key=itemgetter(0)):
        if (language := texts.find(code)) is not None:
            return language
    return texts.choose(None)


def _button(link: str, words: str) -> str:
    return f'<a class="button" href="{escape(link)}">{words}</a>'
