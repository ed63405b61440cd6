"""The login page over HTTP: responses to a browser, refusals and their reasons, records and greetings."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon.errors import FloodWaitError, RPCError, ServerError, UserIsBlockedError
from yarl import URL

from tests.messaging.telegram import ANNA, NOW, Telegram, sender_on
from tests.scenarios.talk import until
from tests.store.memory import MemoryRegistry
from tgbot.config.settings import Login as LoginSettings
from tgbot.core.access import Access, Evidence, Kind
from tgbot.core.errors import ConfigError, StorageFullError
from tgbot.core.users import Profile, Way
from tgbot.locales.texts import Texts
from tgbot.store.logins import REMEMBERED
from tgbot.store.sqlite.logins import UsedLogins
from tgbot.web import Settings, greeting, open_site
from tgbot.web.greeting import LONGEST_PUT_OFF, PAUSES, Greeter
from tgbot.web.login import MOST_CHOICES, MOST_PARAMETERS, SKEW, Reason, RefusedLogin, check, read
from tgbot.web.login import Login as LoggedIn
from tgbot.web.onward import LIFETIME
from tgbot.web.page import chosen

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"
OTHER_TOKEN = "110201543:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"
MAX_AGE = 86_400
TEXTS = Texts.load()


def signed(token: str = TOKEN, **fields: Any) -> dict[str, str]:
    """Return login data as Telegram documents it; the signature does not use the code under test."""
    given = {"id": ANNA, "first_name": "Anna", "username": "anna_s", "auth_date": NOW} | fields
    texts = {name: str(value) for name, value in given.items() if value is not None}
    check = "\n".join(f"{name}={texts[name]}" for name in sorted(texts))
    key = hashlib.sha256(token.encode()).digest()
    return texts | {"hash": hmac.new(key, check.encode(), hashlib.sha256).hexdigest()}


def refusal(query: str, now: float = NOW, max_age: int = MAX_AGE) -> tuple[Reason, str] | None:
    try:
        check(query, now, token=TOKEN, max_age=max_age)
    except RefusedLogin as refused:
        return refused.reason, refused.field
    return None


# The check.


def test_the_documented_signature_is_accepted() -> None:
    # By openssl: dgst -sha256 of the token is the key, dgst -sha256 -mac HMAC -macopt hexkey:… of the lines.
    fields = signed(last_name="Müller + Söhne")
    assert fields["hash"] == "bcf3e3302c7b351fe5181eaab6ca3ec1874aff662e7931f15b87a2c2fe4ff0ac"
    login = check(urlencode(fields), NOW, token=TOKEN, max_age=MAX_AGE)
    assert (login.id, login.first_name, login.last_name) == (ANNA, "Anna", "Müller + Söhne")
    assert (login.username, login.auth_date) == ("anna_s", NOW)
    assert repr(login) == f"Login(id={ANNA})"


@st.composite
def bit_flips(draw: st.DrawFn) -> tuple[dict[str, str], dict[bytes, bytes]]:
    """Draw login data, and the same with one bit of one name or value flipped."""
    names = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=8)
    fields = signed(
        id=draw(st.integers(1, 2**63 - 1)),
        first_name=draw(names),
        last_name=draw(st.none() | names),
        username=draw(st.none() | names),
    )
    altered = {name.encode(): value.encode() for name, value in fields.items()}
    name = draw(st.sampled_from(sorted(altered)))
    if draw(st.booleans()):
        altered[turned(draw, name)] = altered.pop(name)
    else:
        altered[name] = turned(draw, altered[name])
    return fields, altered


def turned(draw: st.DrawFn, value: bytes) -> bytes:
    bit = draw(st.integers(0, len(value) * 8 - 1))
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@given(bit_flips())
def test_login_data_altered_in_any_bit_is_refused(case: tuple[dict[str, str], dict[bytes, bytes]]) -> None:
    fields, altered = case
    assert refusal(urlencode(fields)) is None
    assert refusal(urlencode(altered)) is not None


@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_query_altered_in_any_bit_is_refused_or_says_the_same(place: int, bit: int) -> None:
    query = urlencode(signed(first_name="Änna & Co + 1")).encode()
    altered = bytearray(query)
    altered[place % len(query)] ^= 1 << bit
    try:
        found = read(altered.decode("latin-1"))
    except RefusedLogin:
        return
    same = found == read(query.decode())  # %C3 and %c3 are one byte
    assert (refusal(altered.decode("latin-1")) is None) == same


@given(st.text())
def test_no_query_makes_the_check_fail_otherwise_than_by_its_own_error(query: str) -> None:
    assert refusal(query) is not None


def test_another_bots_signature_is_forged() -> None:
    assert refusal(urlencode(signed(OTHER_TOKEN))) == (Reason.FORGED, "")


@pytest.mark.parametrize(
    ("query", "reason", "field"),
    [
        ("", Reason.MISSING, "id"),
        ("id", Reason.UNREADABLE, ""),
        ("first_name=%ff", Reason.UNREADABLE, ""),
        ("&".join(f"id={number}" for number in range(MOST_PARAMETERS + 1)), Reason.UNREADABLE, ""),
        (urlencode(signed()) + "&id=1001", Reason.TWICE, "id"),
        (urlencode(signed()) + "&hash=" + "0" * 64, Reason.TWICE, "hash"),
        (urlencode(signed(id=None)), Reason.MISSING, "id"),
        (urlencode(signed(auth_date=None)), Reason.MISSING, "auth_date"),
        (urlencode(signed(id="-5")), Reason.MALFORMED, "id"),
        (urlencode(signed(id="1e3")), Reason.MALFORMED, "id"),
        (urlencode(signed(id="١٢٣")), Reason.MALFORMED, "id"),
        (urlencode(signed(id=2**63)), Reason.MALFORMED, "id"),
        (urlencode(signed(auth_date="now")), Reason.MALFORMED, "auth_date"),
        (urlencode(signed() | {"hash": "0" * 63}), Reason.MALFORMED, "hash"),
        (urlencode(signed() | {"hash": signed()["hash"].upper()}), Reason.MALFORMED, "hash"),
        (urlencode(signed(first_name="Anna\nid=1")), Reason.MALFORMED, "first_name"),
        (urlencode(signed() | {"hash": "0" * 64}), Reason.FORGED, ""),
    ],
)
def test_what_is_wrong_is_named(query: str, reason: Reason, field: str) -> None:
    assert refusal(query) == (reason, field)


@pytest.mark.parametrize(
    ("age", "reason"),
    [
        (MAX_AGE, None),
        (MAX_AGE + 1, Reason.OLD),
        (-SKEW, None),
        (-SKEW - 1, Reason.FUTURE),
    ],
)
def test_a_login_is_good_from_a_little_before_its_time_until_its_age(age: int, reason: Reason | None) -> None:
    assert refusal(urlencode(signed(auth_date=NOW - age))) == (None if reason is None else (reason, ""))


def test_the_dates_of_a_forged_login_are_not_told() -> None:
    assert refusal(urlencode(signed(OTHER_TOKEN, auth_date=1))) == (Reason.FORGED, "")


# What Telegram signs one day, and what is added on the way.

#: Fields that Telegram does not send yet.
NEW_FIELDS = {"phone_verified": "1", "language_code": "ru", "is_premium": "", "Title": "a=b & c+d", "z9": "ё"}
#: What trackers add.
TRACKED = {
    "utm_source": "mail",
    "utm_medium": "",
    "utm_campaign": "a b",
    "fbclid": "IwAR0",
    "gclid": "EAIa",
    "yclid": "17",
    "_ga": "1",
    "mc_eid": "x",
    "ref": "%",
}


@st.composite
def tracked_logins(draw: st.DrawFn) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Draw a login with fields that Telegram does not send yet, and its parameters with added ones, mixed."""
    new = draw(st.lists(st.sampled_from(sorted(NEW_FIELDS)), unique=True, max_size=3))
    fields = signed(first_name=draw(st.none() | st.just("Anna")), **{name: NEW_FIELDS[name] for name in new})
    added = draw(st.lists(st.sampled_from(sorted(TRACKED)), unique=True, max_size=7 - len(new)))
    pairs = [*fields.items(), *((name, TRACKED[name]) for name in added)]
    return fields, draw(st.permutations(pairs))


@given(tracked_logins())
def test_whatever_telegram_signs_and_trackers_add_in_any_order_the_login_is_accepted(
    case: tuple[dict[str, str], list[tuple[str, str]]],
) -> None:
    fields, pairs = case
    login = check(urlencode(pairs), NOW, token=TOKEN, max_age=MAX_AGE)
    assert (login.id, login.first_name) == (ANNA, fields.get("first_name", ""))
    assert login.digest == check(urlencode(fields), NOW, token=TOKEN, max_age=MAX_AGE).digest


@given(tracked_logins(), st.data())
def test_no_signed_field_can_be_left_out_or_changed_among_added_ones(
    case: tuple[dict[str, str], list[tuple[str, str]]], data: st.DataObject
) -> None:
    fields, pairs = case
    name = data.draw(st.sampled_from(sorted(fields.keys() - {"hash"})))
    left_out = [pair for pair in pairs if pair[0] != name]
    assert refusal(urlencode(left_out)) is not None
    assert refusal(urlencode([*left_out, (name, fields[name] + "1")])) is not None


@pytest.mark.parametrize("new", [0, 1, 2])
@pytest.mark.parametrize("place", ["before", "after", "between"])
def test_a_dozen_added_parameters_are_ignored_wherever_they_stand(new: int, place: str) -> None:
    fields = signed(**dict(list(NEW_FIELDS.items())[:new]))
    added = {f"tracker_{number}": str(number) for number in range(12)}
    parts = [*added.items()], [*fields.items()]
    if place == "between":
        parts = sorted(parts[0] + parts[1]), []
    query = urlencode([*parts[place == "after"], *parts[place != "after"]])
    assert refusal(query) is None


def test_many_fields_that_telegram_adds_at_once_are_told_from_what_was_added_behind_them() -> None:
    new = {f"field_{number}": str(number) for number in range(12)}
    assert refusal(urlencode([*signed(**new).items(), *TRACKED.items()])) is None
    assert refusal(urlencode([*TRACKED.items(), *signed(**new).items()])) is None


@pytest.mark.parametrize(
    "added",
    [
        *("&fbclid", "&&", "&=", "&=x", "&utm_source=%ff", "&%ff=1", "&utm[a]=1", "&1x=1", "&a%3Db=1"),
        *("&x=a%0Ab", "&utm_source=a&utm_source=b", "&x=" + "y" * 4000, "&id%20=7", "&ID=7"),
        "&first%00name=x",
    ],
)
def test_what_telegram_cannot_have_signed_is_ignored(added: str) -> None:
    assert refusal(urlencode(signed()) + added) is None
    assert refusal(added.removeprefix("&") + "&" + urlencode(signed())) is None
    assert refusal(urlencode(signed(OTHER_TOKEN)) + added) == (Reason.FORGED, "")


def test_a_new_field_is_found_although_a_tracker_uses_its_name_as_well() -> None:
    query = urlencode(signed(source="telegram"))
    assert refusal(query + "&source=mail") is None
    assert refusal("source=mail&" + query) is None


def test_a_line_of_what_is_signed_cannot_be_split_otherwise() -> None:
    fields = signed(first_name="Anna=x", last_name=None)
    del fields["first_name"]
    assert refusal(urlencode(fields | {"first_name=Anna": "x"})) == (Reason.FORGED, "")
    fields = signed(first_name="Anna", note="x", username=None)
    del fields["note"]
    assert refusal(urlencode(fields | {"first_name": "Anna\nnote=x"})) == (Reason.MALFORMED, "first_name")


@pytest.mark.parametrize("number", [0, 1, 7, 8, 20, MOST_PARAMETERS - 5])
def test_a_forged_login_costs_few_signatures_however_many_parameters_it_has(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bool] = []
    compare = hmac.compare_digest

    def counted(one: str, other: str) -> bool:
        compared.append(compare(one, other))
        return compared[-1]

    monkeypatch.setattr(hmac, "compare_digest", counted)
    fields = signed(OTHER_TOKEN) | {f"x{other}": "1" for other in range(number)}
    assert refusal(urlencode(fields)) == (Reason.FORGED, "")
    assert min(2**number, MOST_CHOICES) <= len(compared) <= MOST_CHOICES


# The site.


class World:
    """A site on a free port, and the client that its greetings go to."""

    def __init__(
        self,
        users: MemoryRegistry,
        client: Telegram,
        http: aiohttp.ClientSession,
        url: str,
        close: Callable[[], Awaitable[None]],
    ) -> None:
        self.close = close
        self.users = users
        self.client = client
        self.http = http
        self.url = url

    async def get(self, path: str = "/", *, method: str = "GET", **headers: str) -> tuple[int, str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = URL(self.url + path, encoded=True)
        async with self.http.request(method, url, headers=named, allow_redirects=False) as answer:
            return answer.status, await answer.text(), answer.headers

    async def log_in(self, fields: dict[str, str], **headers: str) -> tuple[int, str]:
        status, text, _ = await self.get("/callback?" + urlencode(fields), **headers)
        return status, text


Open = Callable[..., Awaitable[World]]


async def well() -> None:
    """Return what is wrong with a bot that is well."""


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))

        async def opened(
            users: MemoryRegistry | None = None,
            *,
            knows: Callable[[int], bool] = lambda _: True,
            trouble: Callable[[], Awaitable[str | None]] = well,
            host: str = "127.0.0.1",
            port: int = 0,
            clock: Callable[[], float] = lambda: NOW,
            **limits: Any,
        ) -> World:
            users = MemoryRegistry(lambda: NOW) if users is None else users
            client = Telegram()
            site = await stack.enter_async_context(AsyncExitStack())
            url = await site.enter_async_context(
                open_site(
                    Settings(
                        host=host,
                        port=port,
                        public="https://example.com",
                        widget="https://telegram.org/js/telegram-widget.js?22",
                        max_age=MAX_AGE,
                        **limits,
                    ),
                    token=TOKEN,
                    name="The <Bot>",
                    username="the_bot",
                    users=users,
                    sender=sender_on(client, users),
                    logins=lambda: UsedLogins(tmp_path / "logins.sqlite"),
                    texts=TEXTS,
                    knows=knows,
                    trouble=trouble,
                    clock=clock,
                )
            )
            return World(users, client, http, url, site.aclose)

        yield opened


@pytest.fixture
async def world(opened: Open) -> World:
    return await opened()


async def test_the_page_has_the_widget_of_this_bot(world: World) -> None:
    status, text, headers = await world.get()
    assert status == 200
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'src="https://telegram.org/js/telegram-widget.js?22"' in text
    assert 'data-telegram-login="the_bot"' in text
    assert 'data-auth-url="https://example.com/callback"' in text
    assert 'data-request-access="write"' in text
    assert "Log in with The &lt;Bot&gt;" in text
    assert "https://t.me/the_bot" in text


async def test_behind_the_button_the_page_has_words_for_the_case_that_it_does_not_load(world: World) -> None:
    _, text, _ = await world.get()
    button, _, words = text.partition("</script>")
    assert '<div class="widget"><script async ' in button
    assert words.partition("</div>")[0].endswith(
        '<p class="absent" role="status">The button does not load: telegram.org cannot be reached from here,'
        " or something in this browser blocks it. Reload this page later, or open the chat below.</p>"
    )
    # They need no script, which might not load either: the style shows them. tests/browser has the proof.
    assert text.count("<script") == 1
    assert ".widget iframe ~ .absent { display: none; }" in text


async def test_nothing_but_the_widget_may_be_loaded_and_nothing_kept(world: World) -> None:
    for path in ("/", "/callback", "/nowhere", "/healthz"):
        _, _, headers = await world.get(path)
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src https://telegram.org/js/telegram-widget.js;")
        assert "frame-src https://oauth.telegram.org;" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "tgbot"
        # The window that the widget opens must be able to answer this page.
        assert "Cross-Origin-Opener-Policy" not in headers


async def test_the_address_of_the_callback_is_told_to_nobody(world: World) -> None:
    _, _, headers = await world.get("/callback?" + urlencode(signed()))
    assert headers["Referrer-Policy"] == "no-referrer"
    _, _, headers = await world.get("/")
    assert headers["Referrer-Policy"] == "strict-origin"


async def test_a_login_is_recorded_and_greeted(world: World) -> None:
    status, text = await world.log_in(signed(auth_date=NOW - 5))
    assert status == 200
    assert "Hello, Anna!" in text
    assert "has just written to you" in text
    assert 'href="https://t.me/the_bot"' in text
    ((chat, said),) = world.client.sent
    assert chat == ANNA
    assert said.startswith("Hello, Anna! You have just logged in on example.com.")
    user = world.users.get(ANNA)
    assert user is not None
    assert user.last_evidence(Kind.LOGIN) == Evidence(Kind.LOGIN, NOW - 5, detail="example.com")
    assert user.verdict(NOW).access is Access.REACHABLE
    assert (user.first_name, user.usernames, user.known_by) == ("Anna", ("anna_s",), {"login": NOW - 5})


async def test_what_is_known_of_a_user_is_not_overwritten_by_less(world: World) -> None:
    known = Profile(ANNA, "Anna", "Schmidt", ("anna_s", "anna"), "ru", premium=True)
    world.users.seen(known, NOW - 50, Way.MESSAGE)
    _, text = await world.log_in(signed())
    user = world.users.get(ANNA)
    assert user is not None
    assert user.profile == known
    assert user.known_by == {"message": NOW - 50, "login": NOW - 50}
    assert world.client.said()[0].startswith("Здравствуйте, Anna!")
    assert "Hello, Anna!" in text  # the page speaks the browser's language, the bot the user's


async def test_a_refusal_is_no_error_and_the_page_opens_the_chat(world: World) -> None:
    world.client.refusals[ANNA] = UserIsBlockedError(None)
    status, text = await world.log_in(signed())
    assert status == 200
    assert 'href="https://t.me/the_bot?start=login"' in text
    assert "To get messages from" in text
    user = world.users.get(ANNA)
    assert user is not None
    assert user.verdict(NOW).access is Access.BLOCKED
    assert user.last_evidence(Kind.LOGIN)


async def test_who_blocked_the_bot_is_not_written_to(world: World) -> None:
    world.users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW - 100))
    _, text = await world.log_in(signed())
    assert 'href="https://t.me/the_bot?start=login"' in text
    assert world.client.sent == []


async def test_the_page_does_not_wait_long_for_somebody_unknown(opened: Open) -> None:
    world = await opened(knows=lambda _: False)
    async with asyncio.timeout(10):
        _, text = await world.log_in(signed())
    assert "?start=login" in text
    assert world.client.sent == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "no field “id”"),
        ("id", "damaged"),
        (urlencode(signed()) + "&id=1001", "field “id” twice"),
        (urlencode(signed(id="x")), "“id” of the login has an impossible value"),
        (urlencode(signed(OTHER_TOKEN)), "signature does not match"),
        (urlencode(signed(auth_date=NOW - MAX_AGE - 1)), "too old"),
        (urlencode(signed(auth_date=NOW + 3600)), "in the future"),
    ],
)
async def test_bad_login_data_gets_400_with_a_reason_and_nothing_is_recorded(
    world: World, query: str, words: str
) -> None:
    status, text, _ = await world.get("/callback?" + query)
    assert status == 400
    assert words in text
    assert "Nothing was stored" in text
    assert world.users.count().total == 0
    assert world.client.sent == []


async def test_strangers_words_are_only_words(world: World) -> None:
    _, text, _ = await world.get("/callback?" + urlencode({"<script>alert(1)</script>\u202e" * 9: "1"}))
    assert "alert" not in text
    assert "\u202e" not in text
    _, text = await world.log_in(signed(first_name="<b>&\u202eAnna</b>", username=None))
    assert "Hello, &lt;b&gt;&amp;Anna&lt;/b&gt;!" in text
    assert world.client.said()[0].startswith("Hello, <b>&Anna</b>!")


async def test_a_login_works_once(world: World) -> None:
    assert (await world.log_in(signed()))[0] == 200
    status, text = await world.log_in(signed())
    assert status == 400
    assert "already used" in text
    assert len(world.client.sent) == 1
    assert (await world.log_in(signed(auth_date=NOW + 1)))[0] == 200


def cookie_of(headers: Any) -> str:
    """Return the cookie that an answer sets, as a browser sends it back."""
    return str(headers["Set-Cookie"]).partition(";")[0]


async def test_the_browser_that_logged_in_is_told_so_when_it_loads_the_page_again(opened: Open) -> None:
    world = await opened()
    path = "/callback?" + urlencode(signed())
    _, _, headers = await world.get(path)
    told = headers["Set-Cookie"].lower().replace(" ", "").split(";")
    assert {"path=/callback", "httponly", "secure", "samesite=lax"} < set(told)
    assert signed()["hash"] not in headers["Set-Cookie"]
    cookie = cookie_of(headers)
    users = world.users
    await world.close()
    world = await opened(users)  # also after a restart
    for again in (path, path + "&utm_source=mail"):
        for language, words in (
            ("en", "have already logged in on example.com"),
            ("ru", "уже вошли на example.com"),
        ):
            status, text, headers = await world.get(again, Cookie=cookie, Accept_Language=language)
            assert (status, words in text) == (200, True)
            assert "Set-Cookie" not in headers
    assert world.client.sent == []


async def test_who_loads_the_page_again_before_the_bot_has_written_is_told_so_too(opened: Open) -> None:
    known: list[int] = []
    world = await opened(knows=lambda _: bool(known), greeting_seconds=60)
    path = "/callback?" + urlencode(signed())
    async with asyncio.timeout(30), world.http.get(URL(world.url + path, encoded=True)) as first:
        status, text, _ = await world.get(path, Cookie=cookie_of(first.headers))
        assert (status, "have already logged in" in text) == (200, True)
        known.append(ANNA)
        assert "has just written to you" in await first.text()
    assert len(world.client.sent) == 1


async def test_who_closes_the_page_before_the_bot_has_written_disturbs_nobody(
    opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    known: list[int] = []
    world = await opened(knows=lambda _: bool(known), greeting_seconds=60)
    path = "/callback?" + urlencode(signed())
    async with asyncio.timeout(30), world.http.get(URL(world.url + path, encoded=True)) as first:
        first.close()
    known.append(ANNA)
    await until(lambda: len(world.client.sent) == 1)
    await world.close()
    assert "cannot be answered" not in caplog.text
    assert "failed" not in caplog.text


async def test_who_has_the_address_of_a_login_alone_is_refused(world: World) -> None:
    path = "/callback?" + urlencode(signed())
    mine = cookie_of((await world.get(path))[2])
    name = mine.partition("=")[0]
    others = cookie_of((await world.get("/callback?" + urlencode(signed(id=1002))))[2])
    for cookie in (
        "",
        "x",
        others,
        f"{name}=",
        f"{name}={signed()['hash']}",
        f"{name}=\u00e9\ud83d\ude00",
        mine[:-1],
    ):
        status, text, _ = await world.get(path, Cookie=cookie)
        assert (status, "already used" in text) == (400, True), cookie


async def test_a_refused_login_leaves_no_cookie(world: World) -> None:
    for fields in (signed(OTHER_TOKEN), signed(auth_date=1), {}):
        _, _, headers = await world.get("/callback?" + urlencode(fields))
        assert "Set-Cookie" not in headers
    assert "Set-Cookie" not in (await world.get("/"))[2]


async def test_on_a_later_day_the_browser_that_logged_in_is_still_told_so(opened: Open) -> None:
    days = [NOW]
    world = await opened(clock=lambda: days[0])
    path = "/callback?" + urlencode(signed())
    cookie = cookie_of((await world.get(path))[2])
    days[0] = NOW + 2 * MAX_AGE
    assert (await world.get(path, Cookie=cookie))[0] == 200
    status, text, _ = await world.get(path)
    assert (status, "too old" in text) == (400, True)


async def test_a_used_login_stays_used_whatever_is_added_to_its_address(world: World) -> None:
    query = "/callback?" + urlencode(signed())
    assert (await world.get(query + "&utm_source=mail"))[0] == 200
    for added in ("", "&utm_source=mail", "&utm_source=other", "&gclid=1&x=2", "&junk"):
        status, text, _ = await world.get(query + added)
        assert (status, "already used" in text) == (400, True)
    assert len(world.client.sent) == 1


@pytest.mark.parametrize("first_name", [None, "", "\u3164\u200b"])
async def test_who_has_no_name_is_recorded_and_greeted_without_one(
    world: World, first_name: str | None
) -> None:
    status, text = await world.log_in(signed(first_name=first_name, username=None))
    assert status == 200
    assert "You are logged in" in text
    assert world.client.said()[0].startswith("Hello! You have just logged in on example.com.")
    user = world.users.get(ANNA)
    assert user is not None
    assert (user.first_name, user.usernames) == (first_name or "", ())
    assert user.last_evidence(Kind.LOGIN)


async def test_a_login_works_once_however_many_bring_it_at_once(world: World) -> None:
    statuses = [status for status, _ in await asyncio.gather(*(world.log_in(signed()) for _ in range(10)))]
    assert sorted(statuses) == [200] + [400] * 9
    assert len(world.client.sent) == 1


async def test_a_used_login_is_refused_after_a_restart_and_after_the_user_was_forgotten(opened: Open) -> None:
    assert (await (await opened()).log_in(signed()))[0] == 200
    world = await opened()  # a new site, with nothing in memory
    status, text = await world.log_in(signed())
    assert (status, "already used" in text) == (400, True)
    assert world.users.count().total == 0


async def test_a_look_does_not_use_a_login_up(world: World) -> None:
    path = "/callback?" + urlencode(signed())
    status, text, _ = await world.get(path, method="HEAD")
    assert (status, text) == (200, "")
    assert world.users.count().total == 0
    assert (await world.get("/callback", method="HEAD"))[0] == 400
    assert (await world.get(path))[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/callback", "/healthz"])
async def test_only_get_and_head_are_answered(world: World, method: str, path: str) -> None:
    status, _, headers = await world.get(path + "?" + urlencode(signed()), method=method)
    assert status == 405
    assert headers["Allow"] == "GET,HEAD"
    assert world.users.count().total == 0


async def test_where_there_is_nothing_the_way_back_is_shown(world: World) -> None:
    status, text, _ = await world.get("/nowhere", Accept_Language="ru")
    assert status == 404
    assert "Такой страницы нет" in text


async def test_the_page_speaks_the_visitors_language(world: World) -> None:
    _, text, _ = await world.get(Accept_Language="ru-RU,ru;q=0.9,en;q=0.8")
    assert '<html lang="ru">' in text
    assert "Вход через" in text
    assert 'data-lang="ru"' in text
    status, text = await world.log_in(signed(), Accept_Language="ru")
    assert (status, "Здравствуйте, Anna!" in text) == (200, True)
    assert world.client.said()[0].startswith("Здравствуйте, Anna!")
    status, text = await world.log_in(signed(), Accept_Language="ru")
    assert (status, "уже использован" in text) == (400, True)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("ru", "ru"),
        ("RU-ru", "ru"),
        ("rus_RU", "ru"),
        ("en-GB, ru;q=0.9", "en"),
        ("iw, ru-raw;q=0.5", "ru"),
        ("de-DE, ru;q=0.5", "ru"),
        ("en;q=0.4, ru;q=0.5", "ru"),
        ("de, en;q=0.5, ru;q=0.4", "en"),
        ("ru;q=0, de", "en"),
        ("ru;q=nan", "en"),
        ("ru;q=x,;,*,ru;level=1", "en"),
        ("," * 5000 + "ru", "en"),
    ],
)
def test_the_best_liked_language_there_are_texts_in_is_chosen(header: str, language: str) -> None:
    assert chosen(TEXTS, header) == language


@given(st.text())
def test_any_accept_language_gives_a_language(header: str) -> None:
    assert chosen(TEXTS, header) in TEXTS.languages


async def test_neither_token_nor_hash_is_logged(
    opened: Open, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    world = await opened()
    fields = signed()
    await world.log_in(fields)
    await world.log_in(fields)
    await world.get("/callback?" + urlencode(fields) + "&" + fields["hash"] + "=1")
    # Raw bytes: the listener's response to a request that is not valid HTTP.
    host, port = world.url.removeprefix("http://").split(":")
    for line in (f"GET /callback?hash={fields['hash']} HTTP/9", f"\x00GET /{fields['hash']} \r\n\r\n"):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(line.encode() + b"\r\n\r\n")
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()

    async def fails() -> None:
        raise StorageFullError("users.sqlite")

    monkeypatch.setattr(world.users, "flush", fails)
    assert (await world.log_in(signed(auth_date=NOW - 1)))[0] == 500
    for secret in (fields["hash"], signed(auth_date=NOW - 1)["hash"], TOKEN):
        assert secret not in caplog.text
    assert "cannot be answered" in caplog.text


async def test_a_login_that_could_not_be_saved_can_be_tried_again(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await opened()

    async def fails() -> None:
        raise StorageFullError("users.sqlite")

    with monkeypatch.context() as full:
        full.setattr(world.users, "flush", fails)
        status, text = await world.log_in(signed())
    assert status == 500
    assert "you are not logged in" in text
    assert world.client.sent == []
    assert (await world.log_in(signed()))[0] == 200


async def test_an_address_in_use_is_told_with_its_key(opened: Open) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        address = rf"127\.0\.0\.1:{port}"
        with pytest.raises(
            ConfigError, match=rf"\[login\] listen = '{address}': expected an address .* free"
        ):
            await opened(port=port)


# The way on to one's own site.


def claims_in(address: str) -> dict[str, Any]:
    """Return what the token in an address says, without a look at its signature."""
    header, claims, signature = URL(address).query["token"].split(".")
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {"alg": "HS256", "typ": "JWT"}
    assert len(base64.urlsafe_b64decode(signature + "==")) == 32
    said = json.loads(base64.urlsafe_b64decode(claims + "=="))
    assert isinstance(said, dict)
    return said


async def test_who_logged_in_is_sent_on_with_a_token(opened: Open) -> None:
    world = await opened(then="https://shop.example.org/welcome?from=login")
    path = "/callback?" + urlencode(signed(auth_date=NOW - 5, last_name="Schmidt"))
    status, text, headers = await world.get(path)
    assert (status, text) == (303, "")
    assert headers["Location"].startswith("https://shop.example.org/welcome?from=login&token=")
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    said = claims_in(headers["Location"])
    assert re.fullmatch("[0-9a-f]{64}", said.pop("jti"))
    assert said == {
        "iss": "https://example.com",
        "aud": "https://shop.example.org",
        "sub": str(ANNA),
        "name": "Anna Schmidt",
        "preferred_username": "anna_s",
        "auth_time": NOW - 5,
        "iat": NOW,
        "exp": NOW + LIFETIME,
    }
    await until(lambda: len(world.client.sent) == 1)

    status, text, again = await world.get(path, Cookie=cookie_of(headers))
    assert (status, "have already logged in" in text, "Location" in again) == (200, True, False)
    assert '<a class="button" href="https://shop.example.org/welcome?from=login">' in text
    assert (await world.get(path))[0] == 400


@pytest.mark.parametrize(
    "query", ["", urlencode(signed(OTHER_TOKEN)), urlencode(signed(auth_date=1)) + "&nonce=x"]
)
async def test_who_is_refused_is_not_sent_on(opened: Open, query: str) -> None:
    world = await opened(then="https://shop.example.org/")
    status, _, headers = await world.get("/callback?" + query)
    assert (status, "Location" in headers) == (400, False)


async def test_who_has_neither_name_nor_username_is_sent_on_without_them(opened: Open) -> None:
    world = await opened(then="https://shop.example.org")
    _, _, headers = await world.get("/callback?" + urlencode(signed(first_name="\u3164", username=None)))
    assert headers["Location"].startswith("https://shop.example.org/?token=")
    assert not {"name", "preferred_username", "nonce"} & claims_in(headers["Location"]).keys()


async def test_what_a_site_gives_its_visitor_along_comes_back_in_the_token(opened: Open) -> None:
    world = await opened(then="https://shop.example.org/")
    _, text, _ = await world.get("/?nonce=Ab-1_.~&utm_source=mail")
    assert 'data-auth-url="https://example.com/callback?nonce=Ab-1_.~"' in text
    _, _, headers = await world.get("/callback?nonce=Ab-1_.~&" + urlencode(signed()))
    assert claims_in(headers["Location"])["nonce"] == "Ab-1_.~"
    # The way back to the button keeps it.
    _, text, _ = await world.get("/callback?nonce=Ab-1_.~&" + urlencode(signed()))
    assert 'href="/?nonce=Ab-1_.~"' in text


@pytest.mark.parametrize(
    "nonce", ["", "%22%3E%3Cscript%3EPlanted", "a+b", "Planted" * 20, "%ff", "a%0ab", "%C3%A9"]
)
async def test_nothing_else_can_be_given_along(opened: Open, nonce: str) -> None:
    world = await opened(then="https://shop.example.org/")
    _, text, _ = await world.get(f"/?nonce={nonce}")
    assert 'data-auth-url="https://example.com/callback"' in text
    assert "Planted" not in text
    _, _, headers = await world.get(f"/callback?nonce={nonce}&" + urlencode(signed()))
    assert "nonce" not in claims_in(headers["Location"])


async def test_without_a_site_to_go_on_to_nothing_is_given_along(world: World) -> None:
    _, text, _ = await world.get("/?nonce=Ab1")
    assert "Ab1" not in text


# The greeting.


async def settled(digest: bytes) -> None:
    """Take note of a greeting that is sent or given up."""


async def greeted(
    users: MemoryRegistry,
    client: Telegram,
    knows: Callable[[int], bool] = lambda _: True,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> bool:
    greeter = Greeter(
        users,
        sender_on(client, users),
        TEXTS,
        domain="example.com",
        knows=knows,
        patience=5,
        longest_wait=0.1,
        sleep=sleep,
        settle=settled,
    )
    users.record(ANNA, Evidence(Kind.LOGIN, NOW))
    try:
        return await greeter.greet(LoggedIn(ANNA, "Anna", "", "", NOW, b""), "en")
    finally:
        await greeter.close()


async def test_the_greeting_waits_for_the_access_hash() -> None:
    users = MemoryRegistry(lambda: NOW)
    client = Telegram()
    looks = iter((False, False, True))
    assert await greeted(users, client, lambda _: next(looks))
    assert next(looks, None) is None
    assert len(client.sent) == 1


async def test_who_stays_unknown_is_asked_in_the_end_and_the_answer_recorded() -> None:
    users = MemoryRegistry(lambda: NOW)
    client = Telegram()
    client.refusals[ANNA] = UserIsBlockedError(None)
    assert not await greeted(users, client, lambda _: False)
    user = users.get(ANNA)
    assert user is not None
    assert user.verdict(NOW).access is Access.BLOCKED


class Pauses:
    """A clock that a greeting waits by: it notes each pause, and at the end of some does something."""

    def __init__(self, **after: Callable[[], object]) -> None:
        self.taken: list[float] = []
        self._after = after

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)
        self._after.get(f"after_{len(self.taken)}", lambda: None)()


async def test_a_greeting_waits_as_long_as_telegram_asks_and_else_ever_longer() -> None:
    users, client = MemoryRegistry(lambda: NOW), Telegram()
    client.refusals[ANNA] = FloodWaitError(None, capture=900)

    def fault() -> None:
        client.refusals[ANNA] = ServerError(None, "INTERNAL", 500)

    pauses = Pauses(after_2=fault, after_6=client.refusals.clear)
    assert await greeted(users, client, sleep=pauses)
    assert pauses.taken == [900, 900, *(PAUSES[failures] for failures in (2, 3, 3, 3))]
    assert len(client.sent) == 1


@pytest.mark.parametrize("error", [FloodWaitError(None, capture=7000), ServerError(None, "INTERNAL", 500)])
async def test_a_greeting_that_is_put_off_for_too_long_is_given_up(
    error: RPCError, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greeting, "PAUSES", (1200,))
    users, client = MemoryRegistry(lambda: NOW), Telegram()
    client.refusals[ANNA] = error
    pauses = Pauses()
    assert not await greeted(users, client, sleep=pauses)
    assert pauses.taken == ([] if isinstance(error, FloodWaitError) else [1200] * (LONGEST_PUT_OFF // 1200))
    assert len(client.calls) == len(pauses.taken) + 1
    assert f"user {ANNA} logged in but was not greeted" in caplog.text


async def test_who_may_no_longer_be_written_to_is_not_greeted_in_the_end() -> None:
    users, client = MemoryRegistry(lambda: NOW), Telegram()
    client.refusals[ANNA] = FloodWaitError(None, capture=900)

    def block() -> None:
        users.record(ANNA, Evidence(Kind.BOT_STOPPED, NOW + 1))
        client.refusals.clear()

    assert not await greeted(users, client, sleep=Pauses(after_1=block))
    assert client.sent == []


async def test_closing_gives_up_greetings_that_wait() -> None:
    users = MemoryRegistry(lambda: NOW)
    client = Telegram()
    sender = sender_on(client, users)
    greeter = Greeter(
        users, sender, TEXTS, domain="example.com", knows=lambda _: False, patience=0, settle=settled
    )
    assert not await greeter.greet(LoggedIn(ANNA, "Anna", "", "", NOW, b""), "en")
    async with asyncio.timeout(60):
        await greeter.close()
    assert client.sent == []


def test_a_used_login_is_remembered_longer_than_any_is_accepted() -> None:
    (longest,) = (rule.le for rule in LoginSettings.model_fields["max_age"].metadata if hasattr(rule, "le"))
    assert longest + SKEW < REMEMBERED


# Health.


async def test_healthz_says_whether_the_bot_is_well(opened: Open) -> None:
    found: list[str | None] = [None]

    async def trouble() -> str | None:
        return found[0]

    world = await opened(trouble=trouble)
    status, text, headers = await world.get("/healthz")
    assert (status, text) == (200, "ok\n")
    assert headers["Content-Type"].startswith("text/plain")
    found[0] = "no checkpoint can be made"
    status, text, _ = await world.get("/healthz")
    assert (status, text) == (503, "no checkpoint can be made\n")
