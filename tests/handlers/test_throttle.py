"""Users who write or press too often: who is told, who is not answered, and what is never left out."""

# Telethon has no types, so to mypy its decorators hide what they decorate.
# mypy: disable-error-code=untyped-decorator
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from telethon import Button, events
from telethon.tl import types

from tests.handlers.conftest import Desk
from tests.handlers.test_buttons import press
from tests.telegram.conftest import until
from tgbot.core.rates import Rate
from tgbot.handlers import start, throttle
from tgbot.handlers.throttle import Turn, Windows

DATE = 1_700_000_000


class Throttle:
    """The throttle as a module of handlers."""

    @staticmethod
    def register(parts: Any) -> None:
        throttle.register(parts, Rate(2, 3600))


def echo(client: Any) -> None:
    """Answer each message with its text, each press with "pressed", each album with its length."""

    @client.on(events.NewMessage(incoming=True))
    async def said(event: Any) -> None:
        await event.respond(f"heard {event.raw_text}")
        if event.raw_text == "buttons":
            await event.respond("press", buttons=Button.inline("me", b"me"))

    @client.on(events.Album)
    async def album(event: Any) -> None:
        await event.respond(f"an album of {len(event)}")


async def opened(desk: Desk, plugin: Any = echo, **parts: Any) -> None:
    class Plugin:
        register = staticmethod(lambda parts: plugin(parts.client))

    await desk.open(Throttle, Plugin, start, **parts)  # type: ignore[arg-type] # as modules, with a function register


async def test_who_is_too_fast_is_told_once_and_hears_nothing_until_it_is_over(desk: Desk) -> None:
    await opened(desk)
    anna, boris = desk.meet("Anna"), desk.meet("Boris")
    assert await desk.says(anna, "a") == ["heard a"]
    assert await desk.says(anna, "b") == ["heard b"]
    (told,) = await desk.says(anna, "c")
    assert told.startswith("Too many messages at once. I will answer again in ")
    assert await desk.says(anna, "d") == []
    assert await desk.says(anna, "/start") == []
    assert await desk.says(boris, "x") == ["heard x"]
    await desk.says(anna, "/start later")
    assert desk.known(anna).last_payload == "later"  # all of it is recorded


async def test_it_is_told_in_the_language_of_the_user(desk: Desk) -> None:
    await opened(desk)
    anna = desk.meet("Анна")
    desk.language(anna, "ru")
    await desk.says(anna, "a")
    await desk.says(anna, "b")
    (told,) = await desk.says(anna, "c")
    assert told.startswith("Слишком много сообщений подряд. Снова отвечу через ")


async def test_admins_are_never_too_fast(desk: Desk) -> None:
    boss = desk.meet("Boss")
    await opened(desk, admins={boss})
    assert [await desk.says(boss, str(n)) for n in range(4)] == [[f"heard {n}"] for n in range(4)]


# ---- windows of time -------------------------------------------------------------------------------


def test_so_much_is_handled_from_the_first_thing_on_and_anew_when_its_time_is_over() -> None:
    windows = Windows(Rate(2, 60))
    turns = [windows.turn(1, DATE + second) for second in (0, 10, 20, 59, 60, 61, 62, 119, 120)]
    handled, told, silent = Turn.HANDLED, Turn.TOLD, Turn.SILENT
    assert turns == [handled, handled, told, silent, handled, handled, told, silent, handled]
    assert windows.left(1, DATE + 130) == 50
    assert windows.left(1, DATE + 500) == 1


def test_a_backlog_is_judged_by_its_dates_and_is_no_burst() -> None:
    windows = Windows(Rate(2, 60))
    assert {windows.turn(1, DATE + 40 * n) for n in range(50)} == {Turn.HANDLED}
    assert windows.turn(1, DATE) is Turn.HANDLED  # from before the window


def test_the_messages_of_an_album_count_as_one() -> None:
    windows = Windows(Rate(2, 60))
    assert {windows.turn(1, DATE, album=5) for _ in range(9)} == {Turn.HANDLED}
    assert windows.turn(1, DATE) is Turn.HANDLED
    assert [windows.turn(1, DATE, album=6) for _ in range(3)] == [Turn.TOLD, Turn.SILENT, Turn.SILENT]


def test_only_so_many_users_are_remembered_those_seen_last() -> None:
    windows = Windows(Rate(1, 60), users=2)
    for user in (1, 2, 1, 3):
        windows.turn(user, DATE)
    assert windows.turn(1, DATE) is Turn.SILENT
    assert windows.turn(2, DATE) is Turn.HANDLED
    assert len(windows._windows) == 2


# ---- what counts, and what does not ----------------------------------------------------------------


async def test_presses_count_too_and_are_acknowledged(desk: Desk) -> None:
    pressed: list[Any] = []

    def buttons(client: Any) -> None:
        echo(client)

        @client.on(events.CallbackQuery)
        async def press(event: Any) -> None:
            pressed.append(event.data)

    await opened(desk, buttons)
    anna = desk.meet()
    await desk.says(anna, "buttons")
    copy = desk.world.accounts[anna].box.get(desk.world.accounts[anna].box.dialogs[desk.bot_id].ids[-1])
    answers = [await press(desk, anna, copy, b"me") for _ in range(3)]
    assert pressed == [b"me"]
    assert [(answer.message or "")[:29] for answer in answers] == ["", "Too many messages at once. I ", ""]
    assert await desk.says(anna, "a") == []


async def test_in_groups_only_commands_count_and_nobody_is_told_there(desk: Desk) -> None:
    heard: list[str] = []

    def listener(client: Any) -> None:
        @client.on(events.NewMessage(incoming=True))
        async def hear(event: Any) -> None:
            heard.append(event.raw_text)

    await opened(desk, listener)
    anna = desk.meet()
    profile = desk.world.accounts[desk.bot_id].profile
    assert profile is not None
    profile.sees_all = True
    group = desk.world.new_group("Friends", anna, desk.bot_id)
    for text in ("/a", "x", "y", "/b@the_bot", "/no@other_bot", "z", "/c", "w"):
        desk.world.send_as(anna, group.marked, text)
    await until(lambda: "w" in heard)
    assert heard == ["/a", "x", "y", "/b@the_bot", "/no@other_bot", "z", "w"]
    box: Any = desk.world.accounts[desk.bot_id].box
    assert not any(box.get(number).out for number in box.dialogs[group.marked].ids)


async def test_service_messages_and_stops_are_never_left_out(desk: Desk) -> None:
    seen: list[str] = []

    def raw(client: Any) -> None:
        @client.on(events.Raw)
        async def on_update(update: Any) -> None:
            if isinstance(update, types.UpdateBotStopped):
                seen.append("stopped")
            elif isinstance(getattr(update, "message", None), types.MessageService):
                seen.append("paid")

    await opened(desk, raw)
    anna = desk.meet()
    for text in "abcd":
        await desk.says(anna, text)
    paid = types.MessageActionPaymentSentMe(
        "XTR", 5, b"x", types.PaymentCharge("id", "provider"), info=None, shipping_option_id=None
    )
    desk.stage.write(anna, "", action=paid)
    await until(lambda: "paid" in seen)
    stopped = types.UpdateBotStopped(anna, datetime.now(UTC), True, 0)
    await desk.push(stopped, lambda: "stopped" in seen)


async def test_an_album_that_is_left_out_does_not_come_to_handlers_of_albums(desk: Desk) -> None:
    await opened(desk)
    anna = desk.meet()
    await desk.says(anna, "a")
    await desk.says(anna, "b")
    before = len(desk.stage.heard(anna))
    number = 0
    for text in ("one", "two"):
        number = desk.stage.write(anna, text, grouped_id=77)
    await until(lambda: desk.users.last_finished(anna) >= number)
    assert [text[:8] for text in desk.stage.heard(anna)[before:]] == ["Too many"]


async def test_a_parked_update_that_is_tried_again_is_let_through(desk: Desk) -> None:
    broken = [True]

    def fails(client: Any) -> None:
        @client.on(events.NewMessage(incoming=True))
        async def said(event: Any) -> None:
            if broken and event.raw_text == "fail":
                raise ValueError
            await event.respond(f"heard {event.raw_text}")

    await opened(desk, fails)
    anna = desk.meet()
    assert await desk.says(anna, "fail") == []
    assert await desk.says(anna, "b") == ["heard b"]
    assert len(await desk.says(anna, "c")) == 1  # told
    broken.clear()
    (entry,) = desk.users.parked.entries()
    await desk.parts.client.parking.retry([entry.key])
    await until(lambda: desk.stage.heard(anna)[-1] == "heard fail")
