"""The login page in each of its states, in the visitor's language; pure but for the template, read once."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
from string import Template
from typing import Final
from urllib.parse import urlsplit

from tgbot.core.links import start_link
from tgbot.locales.texts import Texts

#: Names and field names are cut at this length; a name at Telegram has at most 64 characters.
LONGEST: Final = 64
#: Where Telegram's script shows its button from; any other script (a test's) does so from its own origin.
_TELEGRAM: Final = {"https://telegram.org": "https://oauth.telegram.org"}
#: The most language codes read of one header.
_MOST_LANGUAGES: Final = 20


class Page:
    """Renders the page for one bot on one site. All that is put into it is escaped here."""

    def __init__(self, texts: Texts, *, name: str, username: str, site: str, widget: str) -> None:
        folder = files("tgbot.web")
        self._template = Template(folder.joinpath("page.html").read_text(encoding="utf-8"))
        self._style = folder.joinpath("page.css").read_text(encoding="utf-8")
        self._texts = texts
        self._name = plain(name) or username
        self._chat = start_link(username)
        self._username = username
        self._domain = urlsplit(site).hostname or ""
        self._callback = f"{site}/callback"
        self._widget = widget
        #: What the browser may load: this style, the script, and the frame that the script opens.
        self.policy = self._policy()

    def start(self, language: str) -> str:
        """The page with the button."""
        script = _tag(
            "script",
            {
                "async": "",
                "src": self._widget,
                "data-telegram-login": self._username,
                "data-size": "large",
                "data-radius": "12",
                "data-userpic": "false",
                "data-request-access": "write",
                "data-lang": language,
                "data-auth-url": self._callback,
            },
        )
        say = self._sayings(language)
        body = (
            f"<p>{say('login-why')}</p>"
            f'<div class="widget">{script}</script><noscript>{say("login-no-script")}</noscript></div>'
            f"<ul><li>{say('login-gives-name')}</li><li>{say('login-gives-writing')}</li>"
            f"<li>{say('login-gives-no-more')}</li></ul>"
            f'<p class="soft">{say("login-instead")} <a href="{self._chat}">@{escape(self._username)}</a></p>'
        )
        return self._page(language, "start", self._name[:1].upper(), say("login-title"), body)

    def done(self, language: str, name: str, *, greeted: bool) -> str:
        """The page after a login: the bot wrote to them, or they open the chat themselves."""
        name = plain(name)
        say = self._sayings(language, name=name)
        words = "login-done-greeted" if greeted else "login-done-open"
        link = self._chat if greeted else start_link(self._username, "login")
        body = f'<p>{say(words)}</p><a class="button" href="{link}">{say("login-open-chat")}</a>'
        return self._page(language, "done", "✓", say("login-done" if name else "login-done-nameless"), body)

    def refused(self, language: str, reason: str, field: str = "") -> str:
        """The page that says why a login was not accepted."""
        say = self._sayings(language, field=plain(field))
        body = f'<p>{say(f"login-refused-{reason}")}</p><a class="button" href="/">{say("login-again")}</a>'
        return self._page(language, "refused", "!", say("login-refused"), body)

    def trouble(self, language: str) -> str:
        """The page for a fault on our side."""
        say = self._sayings(language)
        body = f'<p>{say("login-trouble")}</p><a class="button" href="/">{say("login-again")}</a>'
        return self._page(language, "refused", "!", say("login-refused"), body)

    def absent(self, language: str) -> str:
        """The page for an address at which there is nothing."""
        say = self._sayings(language)
        body = f'<a class="button" href="/">{say("login-to-start")}</a>'
        return self._page(language, "refused", "?", say("login-absent"), body)

    def _sayings(self, language: str, **args: str) -> Sayings:
        return Sayings(self._texts, language, args | {"bot": self._name, "domain": self._domain})

    def _page(self, language: str, state: str, badge: str, heading: str, body: str) -> str:
        footer = self._sayings(language)("login-footer")
        title = f"{heading} · {escape(self._domain)}"
        return self._template.substitute(
            language=language,
            title=title,
            style=self._style,
            state=state,
            badge=escape(badge),
            heading=heading,
            body=body,
            footer=footer,
        )

    def _policy(self) -> str:
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        script = urlsplit(self._widget)
        origin = f"{script.scheme}://{script.netloc}"
        return "; ".join(
            (
                "default-src 'none'",
                f"script-src {origin}{script.path}",
                f"frame-src {_TELEGRAM.get(origin, origin)}",
                f"style-src 'sha256-{digest}'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )


class Sayings:
    """Texts of one language as HTML: each is escaped as a whole, its arguments with it."""

    def __init__(self, texts: Texts, language: str, args: dict[str, str]) -> None:
        self._texts = texts
        self._language = language
        self._args = args

    def __call__(self, message_id: str) -> str:
        return escape(self._texts.render(self._language, message_id, **self._args))


def plain(words: str) -> str:
    """A stranger's words on one line, without characters that turn the text around, cut at 64."""
    kept = "".join(char if char.isprintable() else " " for char in words[: 4 * LONGEST])
    return " ".join(kept.split())[:LONGEST]


def chosen(texts: Texts, accepted: str) -> str:
    """The language for an Accept-Language header: the best liked one there are texts in, else English."""
    liked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:_MOST_LANGUAGES]):
        code, _, quality = part.strip().partition(";")
        try:
            weight = float(quality.strip().removeprefix("q=")) if quality else 1.0
        except ValueError:
            continue
        if code and weight > 0:
            liked.append((-weight, place, code.strip()))
    for _, _, code in sorted(liked):
        language = texts.choose(code)
        # English stands in for what there is not: only who asks for English means it.
        if language.lower().split("-")[0] == code.lower().split("-")[0]:
            return language
    return texts.choose(None)


def _tag(name: str, attributes: dict[str, str]) -> str:
    pairs = (f'{key}="{escape(value)}"' if value else key for key, value in attributes.items())
    return f"<{name} {' '.join(pairs)}>"
