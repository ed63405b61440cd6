from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from telethon import errors

import tgbot
from tests.store.memory import MemoryRegistry
from tgbot.config.settings import ALERTS
from tgbot.core.admins import Admins
from tgbot.core.errors import StorageUnreachableError
from tgbot.core.users import Profile, User, Way
from tgbot.locales.texts import Texts
from tgbot.operate import alerts as alerting
from tgbot.operate.alerts import Alerts

ANN, BEN, EVE = 1, 2, 3
TOO_LONG = "difference_too_long"


class Letters:
    """The alerts that were sent, as (user id, text); the bot cannot write to the users in `closed`."""

    def __init__(self, closed: dict[int, Exception] | None = None) -> None:
        self.sent: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self._closed = {} if closed is None else closed

    async def send(self, user: int, text: str, /) -> None:
        if user in self._closed:
            raise self._closed[user]
        self.sent.put_nowait((user, text))


@pytest.fixture
def users() -> MemoryRegistry:
    known = MemoryRegistry(lambda: 1)
    known.seen(Profile(ANN, "Ann", language="ru"), 1, Way.MESSAGE)
    known.seen(Profile(BEN, "Ben", language="en"), 1, Way.MESSAGE)
    return known


@pytest.fixture(scope="module")
def texts() -> Texts:
    return Texts.load()


def alerts_to(users: MemoryRegistry, texts: Texts, *admins: int, **options: Any) -> Alerts:
    return Alerts(users, texts, admins, **{"kinds": ALERTS, "quiet": 0.0, **options})


@asynccontextmanager
async def telling(alerts: Alerts, letters: Letters) -> AsyncIterator[None]:
    task = asyncio.create_task(alerts.send(letters))
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_each_admin_who_ever_wrote_is_told_in_their_language(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, *(EVE, ANN, BEN))
    alerts.lost(TOO_LONG)  # before any alert can be sent
    async with telling(alerts, letters):
        told = [await letters.sent.get() for _ in range(2)]
        assert told == [
            (ANN, texts.render("ru", "lost-difference-too-long")),
            (BEN, texts.render("en", "lost-difference-too-long")),
        ]
        alerts.lost("difference_refused")
        assert (await letters.sent.get())[1] == texts.render("ru", "lost-difference-refused")


async def test_who_is_made_an_admin_is_told_from_then_on_and_who_was_one_is_not(
    users: MemoryRegistry, texts: Texts
) -> None:
    admins = Admins((ANN,))
    letters, alerts = Letters(), Alerts(users, texts, admins, kinds=ALERTS, quiet=0)
    async with telling(alerts, letters):
        alerts.lost(TOO_LONG)
        assert (await letters.sent.get())[0] == ANN
        admins.become((BEN,))
        alerts.lost(TOO_LONG)
        assert (await letters.sent.get())[0] == BEN
        assert letters.sent.empty()


async def test_a_loss_that_repeats_before_it_is_told_is_told_once(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, *(BEN,))
    for what in (TOO_LONG, TOO_LONG, "difference_refused", TOO_LONG):
        alerts.lost(what)
    async with telling(alerts, letters):
        told = [(await letters.sent.get())[1] for _ in range(2)]
        assert told == [
            texts.render("en", "lost-difference-too-long"),
            texts.render("en", "lost-difference-refused"),
        ]
        alerts.lost(TOO_LONG)
        assert (await letters.sent.get())[1] == told[0]
        assert letters.sent.empty()


async def test_who_cannot_be_reached_holds_up_nobody(
    users: MemoryRegistry, texts: Texts, caplog: pytest.LogCaptureFixture
) -> None:
    users.seen(Profile(EVE, "Eve"), 1, Way.MESSAGE)
    letters = Letters({ANN: errors.UserIsBlockedError(None), EVE: OSError("no way")})
    alerts = alerts_to(users, texts, *(ANN, EVE, BEN))
    async with telling(alerts, letters):
        for _ in range(2):
            alerts.lost(TOO_LONG)
            assert (await letters.sent.get())[0] == BEN
    assert f"could not tell admin {ANN} of lost-difference-too-long (USER_IS_BLOCKED)" in caplog.messages


async def test_the_numbers_of_one_kind_add_up_until_they_are_told(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, *(BEN,))
    for what, count in (("unreadable", 2), ("hole", 0), ("unreadable", 3), ("poison", 0)):
        alerts.lost(what, count)
    async with telling(alerts, letters):
        unreadable, hole, poison = [(await letters.sent.get())[1] for _ in range(3)]
        assert "5 updates" in unreadable
        assert "an update" in hole
        assert "tgbot parked list" in poison
        alerts.lost("unreadable", 1)
        assert "an update" in (await letters.sent.get())[1]


async def test_an_admin_whom_telegram_puts_off_is_told_later_and_delays_nobody(
    users: MemoryRegistry, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "PAUSES", (0.01,))
    closed: dict[int, Exception] = {ANN: errors.ServerError(None, "INTERNAL", 500)}
    letters, alerts = Letters(closed), alerts_to(users, texts, *(ANN, BEN))
    async with telling(alerts, letters):
        alerts.lost("hole", 2)
        assert (await letters.sent.get())[0] == BEN
        alerts.lost("hole", 3)
        assert await letters.sent.get() == (BEN, texts.render("en", "lost-hole", n=3))
        del closed[ANN]
        assert await letters.sent.get() == (ANN, texts.render("ru", "lost-hole", n=5))


async def test_while_a_message_to_one_admin_is_under_way_the_others_are_told(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters, sent = Letters(), asyncio.Event()

    class Slow(Letters):
        async def send(self, user: int, text: str, /) -> None:
            if user == ANN:
                await sent.wait()  # a flood wait that the client waits for
            await letters.send(user, text)

    alerts = alerts_to(users, texts, *(ANN, BEN))
    async with telling(alerts, Slow()):
        alerts.lost(TOO_LONG)
        assert (await letters.sent.get())[0] == BEN
        sent.set()
        assert (await letters.sent.get())[0] == ANN


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_loss_has_a_text(texts: Texts, language: str) -> None:
    sources = Path(tgbot.__file__).with_name("telegram").rglob("*.py")
    said = re.compile(r'\b(?:los[et]|tell_lost)\("(\w+)"')
    names = {name for file in sources for name in said.findall(file.read_text())}
    assert TOO_LONG in names
    for name in names | {"unreadable", "hole", "poison"}:
        for n in (1, 3, 5):
            assert texts.render(language, f"lost-{name.replace('_', '-')}", n=n).startswith("⚠️ ")


async def test_a_missing_right_is_told_with_the_chat_and_each_chat_by_itself(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters = Letters()
    alerts = alerts_to(users, texts, *(BEN,))
    alerts.right_missing(-100, "Chess\nClub")
    alerts.right_missing(-100, "Chess\nClub")
    alerts.right_missing(-200, "")
    async with telling(alerts, letters):
        told = [(await letters.sent.get())[1] for _ in range(2)]
    assert "“Chess Club” (id -100)" in told[0]
    assert "a chat (id -200)" in told[1]
    assert letters.sent.empty()


# ---- conditions, and pauses ------------------------------------------------------------------------


async def test_the_begin_and_the_end_of_a_condition_are_told(users: MemoryRegistry, texts: Texts) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, BEN, quiet=3600.0)
    async with telling(alerts, letters):
        alerts.begin("disk", free=5)
        assert (await letters.sent.get())[1] == texts.render("en", "disk-begun", free=5)
        alerts.end("disk", free=600)
        assert (await letters.sent.get())[1] == texts.render("en", "disk-over", free=600)


async def test_a_condition_that_is_over_before_it_was_told_is_told_as_over_alone(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, BEN)
    alerts.begin("readiness", reason="not connected to Telegram", minutes=5)
    alerts.end("readiness", reason="not connected to Telegram", minutes=12)
    async with telling(alerts, letters):
        assert "For 12 minutes I was not: not connected to Telegram." in (await letters.sent.get())[1]
        assert letters.sent.empty()


async def test_the_same_is_told_once_in_a_while_with_the_sum_and_other_news_at_once(
    users: MemoryRegistry, texts: Texts
) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, BEN, quiet=0.3)
    async with telling(alerts, letters):
        alerts.lost("hole", 1)
        await letters.sent.get()
        alerts.lost("hole", 2)
        alerts.lost("hole", 3)
        alerts.lost("unreadable", 7)
        assert "7 updates" in (await letters.sent.get())[1]  # although it came last
        assert "5 updates" in (await letters.sent.get())[1]


async def test_only_what_is_wanted_is_told(users: MemoryRegistry, texts: Texts) -> None:
    letters, alerts = Letters(), alerts_to(users, texts, BEN, kinds=("poison", "disk"))
    async with telling(alerts, letters):
        alerts.lost("hole")
        alerts.right_missing(-100, "")
        alerts.begin("errors", 12, plugin="x")
        alerts.lost("poison")
        alerts.begin("disk", free=1)
        told = [(await letters.sent.get())[1] for _ in range(2)]
    assert told[0] == texts.render("en", "lost-poison", n=1)
    assert told[1] == texts.render("en", "disk-begun", free=1)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_condition_has_texts_for_its_begin_and_its_end(texts: Texts, language: str) -> None:
    values: dict[str, str | int] = {"free": 5, "reason": "why", "minutes": 7, "plugin": "module"}
    for condition in {*ALERTS} - {"losses", "poison", "rights", "deafness", "takeover"}:
        assert texts.render(language, f"{condition}-begun", n=12, **values).startswith("⚠️ ")
        assert texts.render(language, f"{condition}-over", n=1, **values).startswith("✅ ")
    assert texts.render(language, "deafness-over", n=3).startswith("⚠️ ")
    assert "left" in texts.render(language, "took-over", n=1, node="left")


async def test_who_becomes_an_admin_is_told_of_what_comes_then_and_who_is_none_any_more_is_not(
    users: MemoryRegistry, texts: Texts
) -> None:
    admins = {ANN}
    letters = Letters()
    alerts = Alerts(users, texts, admins, kinds=ALERTS, quiet=0.0)
    async with telling(alerts, letters):
        alerts.lost("hole", 1)
        assert (await letters.sent.get())[0] == ANN
        admins.add(BEN)
        admins.remove(ANN)
        alerts.lost("hole", 2)
        assert await letters.sent.get() == (BEN, texts.render("en", "lost-hole", n=2))
        assert letters.sent.empty()


async def test_an_admin_who_cannot_be_read_now_is_told_later(
    users: MemoryRegistry, texts: Texts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerting, "PAUSES", (0.0,))
    letters, alerts = Letters(), alerts_to(users, texts, BEN)
    get, away = users.get, [StorageUnreachableError("postgresql://db/bot", "no answer in time")]

    def read(user_id: int) -> User | None:
        if away:
            raise away.pop()
        return get(user_id)

    monkeypatch.setattr(users, "get", read)
    async with telling(alerts, letters):
        alerts.took_over("left")
        assert await letters.sent.get() == (BEN, texts.render("en", "took-over", n=1, node="left"))
