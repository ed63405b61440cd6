"""The login page in each of its states, in the visitor's language. The template is read once."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from importlib.resources import files
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

    def start(self, language: str) -> str:
        """Return the page with the button."""
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
        say = self._phrases(language)
        body = (
            f"<p>{say('login-why')}</p>"
            f'<div class="widget">{script}</script><noscript>{say("login-no-script")}</noscript></div>'
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
        body = f'<p>{say(words)}</p><a class="button" href="{link}">{say("login-open-chat")}</a>'
        return self._page(language, "done", "✓", say("login-done" if name else "login-done-nameless"), body)

    def refused(self, language: str, reason: str, field: str = "") -> str:
        """Return the page that says why a login was not accepted."""
        say = self._phrases(language, field=clean_name(field))
        body = f'<p>{say(f"login-refused-{reason}")}</p><a class="button" href="/">{say("login-again")}</a>'
        return self._page(language, "refused", "!", say("login-refused"), body)

    def trouble(self, language: str) -> str:
        """Return the page for an error of ours."""
        say = self._phrases(language)
        body = f'<p>{say("login-trouble")}</p><a class="button" href="/">{say("login-again")}</a>'
        return self._page(language, "refused", "!", say("login-refused"), body)

    def absent(self, language: str) -> str:
        """Return the page for an address that does not exist."""
        say = self._phrases(language)
        body = f'<a class="button" href="/">{say("login-to-start")}</a>'
        return self._page(language, "refused", "?", say("login-absent"), body)

    def _phrases(self, language: str, **args: str) -> Phrases:
        return Phrases(self._texts, language, args | {"bot": self._name, "domain": self._domain})

    def _page(self, language: str, state: str, badge: str, heading: str, body: str) -> str:
        footer = self._phrases(language)("login-footer")
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


class Phrases:
    """Renders texts of one language as HTML: each is escaped as a whole, with its arguments."""

    def __init__(self, texts: Texts, language: str, args: dict[str, str]) -> None:
        self._texts = texts
        self._language = language
        self._args = args

    def __call__(self, message_id: str) -> str:
        return escape(self._texts.render(self._language, message_id, **self._args))


def chosen(texts: Texts, accepted: str) -> str:
    """Return the language with texts that an Accept-Language header likes best; English if there is none."""
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
        # English is also the fallback: it counts only if the header names it.
        if language.lower().split("-")[0] == code.lower().split("-")[0]:
            return language
    return texts.choose(None)


def _tag(name: str, attributes: dict[str, str]) -> str:
    pairs = (f'{key}="{escape(value)}"' if value else key for key, value in attributes.items())
    return f"<{name} {' '.join(pairs)}>"
