"""Telegram's side of the Login Widget, over HTTP on loopback: script, button, login and confirmation.

A browser gets the same as from telegram.org and oauth.telegram.org. The script adds a frame with a button to
the page. The button opens a window, where the user logs in to Telegram, confirms, and may allow the bot to
write. The window sends the signed data to the frame, the frame to the page, and the page to the site.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from html import escape
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from .accounts import Account
from .rpc import RpcError
from .world import FOREVER, World

SCRIPT: Final = "/js/telegram-widget.js"
_COOKIE: Final = "logged_in"

_SCRIPT_TEXT: Final = """\
(function (script) {
  var origin = new URL(script.src).origin;
  var asked = new URLSearchParams({origin: location.origin, return_to: location.href});
  ['size', 'userpic', 'radius', 'request_access', 'lang'].forEach(function (name) {
    var value = script.getAttribute('data-' + name.replace('_', '-'));
    if (value) asked.set(name, value);
  });
  var frame = document.createElement('iframe');
  frame.id = 'telegram-login-' + script.getAttribute('data-telegram-login');
  frame.src = origin + '/embed/' + script.getAttribute('data-telegram-login') + '?' + asked;
  frame.width = '238px';
  frame.height = '40px';
  frame.style.border = 'none';
  frame.style.overflow = 'hidden';
  frame.setAttribute('scrolling', 'no');
  script.parentNode.insertBefore(frame, script);
  script.parentNode.removeChild(script);
  addEventListener('message', function (event) {
    if (event.source !== frame.contentWindow || event.origin !== origin) return;
    var said = JSON.parse(event.data);
    if (said.event !== 'auth_user') return;
    var user = said.auth_data, call = script.getAttribute('data-onauth');
    if (call) return void new Function('user', call)(user);
    var there = document.createElement('a');
    there.href = script.getAttribute('data-auth-url');
    var pairs = Object.keys(user).map(function (key) { return key + '=' + encodeURIComponent(user[key]); });
    location.href = there.href + (there.href.indexOf('?') < 0 ? '?' : '&') + pairs.join('&');
  });
})(document.currentScript);
"""

_FRAME: Final = """\
<button id="login">{label}</button>
<script>
addEventListener('message', function (event) {{
  if (event.origin !== location.origin) return;
  parent.postMessage(JSON.stringify({{event: 'auth_user', auth_data: event.data}}), {origin});
}});
document.getElementById('login').onclick = function () {{
  open({dialog}, 'telegram_oauth', 'width=550,height=470');
}};
</script>
"""
_LOGIN: Final = """\
<h1>Telegram</h1>
<p>Phone number or @username of a user of this sandbox.</p>
<form method="post"><input name="who" autofocus required><button id="next">Next</button></form>
<p class="wrong">{wrong}</p>
"""
_CONFIRM: Final = """\
<h1>{domain}</h1>
<p>asks for your name, username and picture, {name}, through <b>{bot}</b>.</p>
<form method="post">{ask}
<p><button id="accept" name="answer" value="accept">Accept</button>
<button id="cancel" name="answer" value="cancel">Cancel</button></p></form>
<form method="post"><button id="leave" name="answer" value="leave">I am not {name}</button></form>
"""
_ASK: Final = '<label><input type="checkbox" name="write" checked> Let {bot} write to me</label>'
_ANSWER: Final = """\
<script>
var user = {user};
if (user && opener) opener.postMessage(user, location.origin);
close();
</script>
"""
_LOOK: Final = """\
body { margin: 0; font: 15px sans-serif; text-align: center } h1 { font-size: 22px }
button { height: 40px; padding: 0 20px; border: 0; border-radius: 12px; background: #54a9eb; color: #fff;
font: 500 16px sans-serif } input:not([type=checkbox]) { height: 36px; margin-right: 6px }
.wrong { color: #c00 }
"""


def signed(token: str, fields: Mapping[str, object]) -> dict[str, object]:
    """Return the fields with their hash, as a site receives them (core.telegram.org/widgets/login)."""
    lines = "\n".join(sorted(f"{name}={value}" for name, value in fields.items()))
    key = hashlib.sha256(token.encode()).digest()
    return {**fields, "hash": hmac.new(key, lines.encode(), hashlib.sha256).hexdigest()}


class Widget:
    """The server of the Login Widget: `async with Widget(world) as widget`, then use `widget.script`.

    It listens on 127.0.0.1 and asks for no login code. It serves only the sites that bots have as their
    domains.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self._port = 0
        self._browsers: dict[str, int] = {}
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_get(SCRIPT, self._script)
        application.router.add_get("/embed/{bot}", self._embed)
        application.router.add_get("/auth", self._dialog)
        application.router.add_post("/auth", self._answer)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def script(self) -> str:
        """The URL of the script."""
        return f"{self.url}{SCRIPT}?22"

    def set_domain(self, bot_id: int, domain: str) -> None:
        """Set the only domain of a bot, as BotFather's /setdomain does."""
        profile = self.world.accounts[bot_id].profile
        assert profile is not None
        profile.domain = domain

    def log_in(self, bot_id: int, user_id: int, *, write: bool = True) -> dict[str, object]:
        """Log a user in to a bot's site: give write access if `write`, and return the signed data."""
        bot, user = self.world.accounts[bot_id], self.world.accounts[user_id]
        if write and not self._may_write(bot, user):
            self.world.allow(bot_id, user_id, domain=_domain(bot))
        fields = {
            "id": user.id,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "username": user.usernames[0] if user.usernames else "",
            "auth_date": self.world.date(),
        }
        assert bot.token is not None
        return signed(bot.token, {name: value for name, value in fields.items() if value})

    # Pages.

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=_SCRIPT_TEXT, content_type="application/javascript")

    async def _embed(self, request: web.Request) -> web.Response:
        bot = self._bot(request.match_info["bot"])
        origin = request.query.get("origin", "")
        # Telegram has checked one or the other; a page must pass both checks.
        referrer = urlsplit(request.headers.get("Referer", ""))
        if bot is None or not self._belongs(bot, origin) or not self._belongs(bot, referrer.geturl()):
            return _page("Bot domain invalid", 400)
        user = self._user(request)
        asked = {name: request.query[name] for name in ("request_access", "lang") if name in request.query}
        dialog = f"/auth?{urlencode({'bot_id': bot.id, 'origin': origin, 'embed': 1} | asked)}"
        label = f"Log in as {user.first_name}" if user else "Log in with Telegram"
        page = _page(_FRAME.format(label=escape(label), origin=_js(origin), dialog=_js(dialog)))
        page.headers["Content-Security-Policy"] = f"frame-ancestors {origin}"
        return page

    async def _dialog(self, request: web.Request) -> web.Response:
        bot = self._asking(request)
        if bot is None:
            return _page("Bot domain invalid", 400)
        user = self._user(request)
        if user is None:
            return _page(_LOGIN.format(wrong=""))
        words = {"bot": escape(bot.name), "name": escape(user.first_name), "domain": _domain(bot)}
        wanted = request.query.get("request_access") == "write" and not self._may_write(bot, user)
        return _page(_CONFIRM.format(ask=_ASK.format(**words) if wanted else "", **words))

    async def _answer(self, request: web.Request) -> web.Response:
        bot = self._asking(request)
        if bot is None:
            return _page("Bot domain invalid", 400)
        form = await request.post()
        user, answer = self._user(request), form.get("answer")
        if answer == "leave":
            left = web.HTTPSeeOther(request.rel_url)
            left.del_cookie(_COOKIE)
            raise left
        if user is None:
            return self._enter(request, str(form.get("who", "")))
        if answer != "accept":
            return _page(_ANSWER.format(user="null"))
        data = self.log_in(bot.id, user.id, write="write" in form)
        return _page(_ANSWER.format(user=_js(data)))

    def _enter(self, request: web.Request, who: str) -> web.Response:
        user = self._find(who)
        if user is None:
            return _page(_LOGIN.format(wrong=f"There is no user “{escape(who)}”."))
        browser = secrets.token_urlsafe()
        self._browsers[browser] = user.id
        entered = web.HTTPSeeOther(request.rel_url)
        entered.set_cookie(_COOKIE, browser, httponly=True, samesite="Lax")
        raise entered

    # Accounts and domains.

    def _may_write(self, bot: Account, user: Account) -> bool:
        return user.id in bot.started or bot.allowed.get(user.id) == FOREVER

    def _asking(self, request: web.Request) -> Account | None:
        """Return the bot that the login is for, None unless the site is the bot's own."""
        number = request.query.get("bot_id", "")
        bot = self.world.accounts.get(int(number)) if number.isdecimal() else None
        allowed = bot is not None and bot.is_bot and self._belongs(bot, request.query.get("origin", ""))
        return bot if allowed else None

    def _belongs(self, bot: Account, origin: str) -> bool:
        return bool(_domain(bot)) and urlsplit(origin).hostname == _domain(bot)

    def _bot(self, username: str) -> Account | None:
        marked = self.world.accounts.holder(username)
        account = self.world.accounts.get(marked) if marked is not None and marked > 0 else None
        return account if account is not None and account.is_bot else None

    def _user(self, request: web.Request) -> Account | None:
        user_id = self._browsers.get(request.cookies.get(_COOKIE, ""))
        user = self.world.accounts.get(user_id) if user_id is not None else None
        return None if user is None or user.deleted else user

    def _find(self, who: str) -> Account | None:
        who = who.strip().removeprefix("@")
        try:
            known = self.world.accounts.by_phone(self.world.accounts.phone(who))
        except RpcError:
            holder = self.world.accounts.holder(who)
            known = self.world.accounts.get(holder) if holder is not None and holder > 0 else None
        return None if known is None or known.is_bot or known.deleted else known


def _domain(bot: Account) -> str:
    return bot.profile.domain if bot.profile is not None else ""


def _js(value: object) -> str:
    """Return a value as JavaScript, safe inside a page."""
    return json.dumps(value).replace("<", "\\u003c")


def _page(body: str, status: int = 200) -> web.Response:
    head = (
        f'<meta charset="utf-8"><link rel="icon" href="data:,"><title>Telegram</title><style>{_LOOK}</style>'
    )
    text = f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"
    return web.Response(text=text, status=status, content_type="text/html")
