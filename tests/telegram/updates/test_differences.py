"""Differences that are unreadable, late, stuck, wrong or never answered: everybody is answered, and once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.telegram.conftest import Stage, echo, until
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.faults import Damage, Nonsense, Timestamp
from tgbot.sandbox.faults.calls import Plan
from tgbot.store.sqlite.session import DurableSession
from tgbot.telegram import BotClient
from tgbot.telegram.updates import denials, requests

DIFFERENCE = "updates.getDifference"
OF_CHANNEL = "updates.getChannelDifference"
#: What somebody writes that no log may hold.
SECRET = "planted-7f3a"


@pytest.fixture(autouse=True)
def _no_words_of_people_in_the_log(caplog: pytest.LogCaptureFixture) -> Any:
    caplog.set_level(logging.DEBUG, "tgbot")
    yield
    assert SECRET not in caplog.text
    assert "b'" not in caplog.text


def on_disk(stage: Stage) -> int:
    """The pts in the session file."""
    session = DurableSession(stage.path)
    state = session.update_state()
    session.close()
    assert state is not None
    return state.pts


async def caught_up(stage: Stage, client: BotClient) -> None:
    """Return when nothing is missing, and the mark is at the end of Telegram's log."""

    def at_the_end() -> bool:
        mark = client.intake.mark()
        return mark is not None and (mark.pts, mark.qts) == stage.world.state(stage.account.id)[:2]

    await until(at_the_end)
    await client.checkpoint()
    assert on_disk(stage) == stage.world.state(stage.account.id)[0]


def said(texts: list[str]) -> list[str]:
    return [f"you said {text}" for text in texts]


# ---- what cannot be read ---------------------------------------------------------------------------


@pytest.mark.parametrize("damage", list(Damage))
@pytest.mark.parametrize("count", [1, 3])
async def test_messages_that_cannot_be_read_are_passed_over_and_all_others_are_answered(
    stage: Stage, caplog: pytest.LogCaptureFixture, damage: Damage, count: int
) -> None:
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.faults.garble_log(stage.account.id, count, damage=damage)
    for number in range(count):
        stage.write(ann, f"{SECRET} {number}")
    stage.write(ben, "hello")
    stage.write(ann, "after")
    await until(lambda: stage.heard(ben) == said(["hello"]) and stage.heard(ann) == said(["after"]))
    await caught_up(stage, client)
    assert stage.lost_updates == [("unreadable", count)]
    assert client.losses == {"unreadable": 1}
    assert [record.levelname for record in caplog.records if "passed over" in record.message] == ["ERROR"]
    stage.write(ann, "still there")
    await until(lambda: stage.heard(ann) == said(["after", "still there"]))


async def test_what_cannot_be_read_in_a_downtime_is_passed_over_at_the_start(stage: Stage) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    stage.write(ann, "0")
    await until(lambda: stage.heard(ann) == said(["0"]))
    await stage.close(client)
    log = stage.world.accounts[stage.account.id].log
    for number in range(1, 40):
        if number in (7, 20, 21):
            stage.faults.garble_log(stage.account.id)
        stage.write(ann, f"{number}")
        if number % 10 == 0:
            stage.world.block(ann, stage.account.id)
            stage.world.block(ann, stage.account.id, blocked=False)
    stage.faults.garble_log(stage.account.id, first=log.qts - 1, qts=True)
    client = await stage.open(echo)
    texts = [f"{number}" for number in range(40) if number not in (7, 20, 21)]
    await until(lambda: len(stage.heard(ann)) >= len(texts))
    assert stage.heard(ann) == said(texts)
    await caught_up(stage, client)
    assert sorted(stage.lost_updates) == [("unreadable", 1), ("unreadable", 1), ("unreadable", 2)]
    await stage.kill(client)
    client = await stage.open(echo)
    assert len(stage.lost) == 3  # they stay passed over
    assert stage.heard(ann) == said(texts)


async def test_an_unreadable_stop_costs_no_message(stage: Stage) -> None:
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    stage.faults.garble_log(stage.account.id, qts=True)
    stage.world.block(ann, stage.account.id)
    stage.world.block(ann, stage.account.id, blocked=False)
    stage.faults.lose(1)
    stage.write(ann, "two")
    stage.write(ben, "three")
    await until(lambda: stage.heard(ann) == said(["one", "two"]) and stage.heard(ben) == said(["three"]))
    await caught_up(stage, client)
    assert stage.lost_updates == [("unreadable", 1)]


@pytest.mark.parametrize("damage", list(Damage))
async def test_answers_that_cannot_be_read_for_a_while_cost_no_update(
    stage: Stage, damage: Damage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.02,))
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.faults.garble_answers(DIFFERENCE, damage=damage, times=40)
    stage.faults.lose(1)
    stage.write(ann, "lost on its way")
    stage.write(ben, "hello")
    await until(lambda: stage.heard(ben) == said(["hello"]))
    await until(lambda: stage.heard(ann) == said(["lost on its way"]))
    await caught_up(stage, client)
    assert stage.lost == []


async def test_an_answer_of_a_wrong_type_is_one_that_cannot_be_read(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.02,))
    client = await stage.open(echo)
    ann = stage.meet()
    real = client._calls.call
    wrong = 10

    async def call(made: Any) -> Any:
        nonlocal wrong
        answer = await real(made)
        if "GetDifference" in type(made.request).__name__ and wrong:
            wrong -= 1
            return client.me
        return answer

    monkeypatch.setattr(client._calls, "call", call)
    stage.faults.lose(1)
    stage.write(ann, "one")
    stage.write(ann, "two")
    await until(lambda: sorted(stage.heard(ann)) == said(["one", "two"]))
    await caught_up(stage, client)
    assert stage.lost == []


# ---- what is late, stuck, empty or wrong -----------------------------------------------------------


async def test_a_difference_that_lags_behind_the_pushes_loses_nothing(stage: Stage) -> None:
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.faults.lag_differences(1.8)
    stage.faults.lose(3)
    for text in ("one", "two", "three"):
        stage.write(ann, text)
    stage.write(ben, "hello")
    await until(lambda: stage.heard(ben) == said(["hello"]))
    await until(lambda: stage.heard(ann) == said(["one", "two", "three"]))
    await caught_up(stage, client)
    assert stage.lost == []
    assert stage.heard(ben) == said(["hello"])


async def test_a_difference_that_does_not_advance_is_requested_seldom_and_keeps_nobody_waiting(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.faults.stick_differences(True)
    before = stage.sandbox.calls[DIFFERENCE]
    stage.faults.lose(1)
    stage.write(ann, "lost on its way")
    for number in range(5):
        stage.write(ben, f"{number}")
    await until(lambda: stage.heard(ben) == said([f"{number}" for number in range(5)]))
    await until(lambda: "in a row" in caplog.text)
    assert stage.sandbox.calls[DIFFERENCE] - before < 10
    stage.faults.stick_differences(False)
    client.intake.begin_difference()
    await caught_up(stage, client)
    assert stage.heard(ann) == said(["lost on its way"])
    assert len(stage.heard(ben)) == 5
    assert stage.lost == []
    assert caplog.text.count("in a row (it does not advance)") == 1


async def test_a_hole_that_no_difference_fills_is_given_up_when_telegram_confirms_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    before = stage.world.state(stage.account.id)[0]
    stage.faults.empty_differences(True)
    stage.faults.lose(2)
    stage.write(ann, "one")
    stage.write(ann, "two")
    stage.write(ben, "hello")
    await until(lambda: stage.heard(ben) == said(["hello"]) and (ben, 1) not in stage.finished)
    await client.checkpoint()
    assert on_disk(stage) == before  # it stays before the hole
    assert stage.lost == []
    monkeypatch.setattr(denials, "HOLE_SECONDS", 0.1)
    await until(lambda: stage.lost_updates == [("hole", 2)])
    assert f"2 updates never came (pts {before + 1} to {before + 2})" in caplog.text
    stage.faults.empty_differences(False)
    stage.write(ben, "again")
    await until(lambda: stage.heard(ben) == said(["hello", "again"]))
    await caught_up(stage, client)
    assert stage.heard(ann) == []


async def test_after_a_kill_a_message_in_a_hole_is_answered_although_later_ones_were(stage: Stage) -> None:
    client = await stage.open(echo)
    ann = stage.meet()
    stage.faults.fail(DIFFERENCE, 500, "INTERNAL", times=1000)
    stage.faults.lose(1)
    stage.write(ann, "one")
    stage.write(ann, "two")
    await until(lambda: stage.heard(ann) == said(["two"]))
    await client.checkpoint()
    await stage.kill(client)
    stage.faults.lift()
    client = await stage.open(echo)
    await caught_up(stage, client)
    assert stage.heard(ann) == said(["two", "one"])


@pytest.mark.parametrize("kind", list(Nonsense))
async def test_an_update_with_a_wrong_number_costs_nobody_a_message(
    stage: Stage, kind: Nonsense, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "HOLE_SECONDS", 1.0)
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann))
    date = client.intake.log.date
    assert stage.faults.hand_nonsense(stage.account.id, kind)
    stage.write(ann, "two")
    stage.faults.lose(1)
    stage.write(ann, "three")
    stage.write(ben, "four")
    await until(lambda: stage.heard(ann) == said(["one", "two", "three"]))
    await until(lambda: stage.heard(ben) == said(["four"]))
    await caught_up(stage, client)
    await until(lambda: client.intake.settled)
    assert client.intake.log.date < date + 3600
    assert stage.lost == []


@pytest.mark.parametrize("kind", [kind for kind in Nonsense if not kind.value.startswith("count")])
async def test_a_state_with_a_wrong_number_costs_nobody_a_message(stage: Stage, kind: Nonsense) -> None:
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.write(ann, "one")
    stage.world.block(ben, stage.account.id)
    stage.world.block(ben, stage.account.id, blocked=False)
    await until(lambda: stage.heard(ann))
    date = client.intake.log.date
    stage.faults.distort_states(kind)
    stage.faults.lose(1)
    stage.write(ann, "two")
    stage.write(ben, "three")
    await until(lambda: stage.heard(ann) == said(["one", "two"]) and stage.heard(ben) == said(["three"]))
    await client.checkpoint()
    assert on_disk(stage) <= stage.world.state(stage.account.id)[0]
    assert client.intake.log.date < date + 3600
    stage.write(ben, "four")
    await until(lambda: stage.heard(ben) == said(["three", "four"]))
    stage.faults.distort_states(None)
    client.intake.begin_difference()
    await caught_up(stage, client)
    stage.write(ann, "five")
    await until(lambda: stage.heard(ann) == said(["one", "two", "five"]))
    assert stage.lost == []


async def test_a_first_state_that_is_too_far_ahead_makes_nobody_wait_for_long(stage: Stage) -> None:
    stage.faults.distort_states(Nonsense.PTS_AHEAD)
    await stage.open()
    client = stage._open[0]
    client.add_event_handler(answer, events.NewMessage(incoming=True))
    await client.start_updates()
    ann = stage.meet()
    stage.write(ann, "one")
    stage.write(ann, "two")
    await until(lambda: stage.heard(ann) == said(["one", "two"]))
    stage.faults.distort_states(None)
    client.intake.begin_difference()
    await caught_up(stage, client)


async def answer(event: Any) -> None:
    await event.respond(f"you said {event.raw_text}")


# ---- what is not answered --------------------------------------------------------------------------


async def test_a_difference_that_is_never_answered_keeps_nobody_waiting_and_is_requested_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.3)
    client = await stage.open(echo)
    ann, ben = stage.meet("Ann"), stage.meet("Ben")
    stage.faults.silence(DIFFERENCE, times=3)
    stage.faults.lose(1)
    stage.write(ann, "one")
    stage.write(ben, "two")
    await until(lambda: stage.heard(ben) == said(["two"]))
    await until(lambda: stage.heard(ann) == said(["one"]))
    await caught_up(stage, client)
    assert stage.lost == []


@pytest.mark.parametrize("code", [400, 500])
async def test_while_telegram_refuses_differences_everybody_is_answered(
    stage: Stage, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.2,))
    client = await stage.open(echo)
    ann = stage.meet()
    kind = Timestamp.OUTDATED if code == 500 else Timestamp.INVALID
    stage.faults.timestamp(kind, times=7)
    stage.faults.lose(1)
    stage.write(ann, "one")
    stage.write(ann, "two")
    await until(lambda: sorted(stage.heard(ann)) == said(["one", "two"]))
    await caught_up(stage, client)
    assert stage.lost == []


# ---- channels --------------------------------------------------------------------------------------


def supergroup(stage: Stage, creator: int, title: str = "Fans") -> Chat:
    """Add a supergroup in which the bot reads everything."""
    chat = stage.world.new_channel(title, creator=creator, megagroup=True)
    stage.world.groups.add(chat, stage.world.accounts[stage.account.id], by=creator)
    profile = stage.world.accounts[stage.account.id].profile
    assert profile is not None
    profile.sees_all = True
    return chat


async def joined(stage: Stage, client: BotClient, chat: Chat, person: int) -> None:
    """Return when the bot has read a first message of a supergroup."""
    stage.world.send_as(person, chat.marked, "first")
    await until(
        lambda: client.intake.log.mark(client.intake.log.channels).channels.get(chat.id) == chat.log.pts
    )


async def in_supergroup(stage: Stage) -> tuple[BotClient, list[str], int, Chat]:
    """Return a bot that has read a supergroup, what it hears from now on, a member, and the supergroup."""
    heard: list[str] = []
    client = await stage.open(listen(heard))
    person = stage.meet()
    chat = supergroup(stage, person)
    await joined(stage, client, chat, person)
    heard.clear()
    return client, heard, person, chat


async def lost(stage: Stage, person: int, chat: Chat, text: str) -> None:
    """Say something in a supergroup that is never pushed."""
    stage.faults.lose(1)
    stage.world.send_as(person, chat.marked, text)
    await until(lambda: not stage.faults._updates)


def listen(heard: list[str]) -> Any:
    """Write down what is said in groups, and answer in private."""

    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def note(event: Any) -> None:
            if event.is_private:
                await event.respond(f"you said {event.raw_text}")
            else:
                heard.append(event.raw_text)

    return register


def troubles(stage: Stage, chat: Chat, what: str) -> None:
    if what == "silence":
        stage.faults.silence(OF_CHANNEL, seconds=float("inf"))
    elif what == "flood wait":
        stage.faults.fail(OF_CHANNEL, 420, "FLOOD_WAIT_4", times=1)
    elif what == "outdated":
        stage.faults.timestamp(Timestamp.OUTDATED, chat.marked, seconds=float("inf"))
    elif what == "stuck":
        stage.faults.stick_differences(True, chat.marked)
    elif what == "unreadable":
        stage.faults.garble_answers(OF_CHANNEL, seconds=float("inf"))
    elif what == "lag":
        stage.faults.lag_differences(1.5, chat.marked)


@pytest.mark.parametrize("what", ["silence", "flood wait", "outdated", "stuck", "unreadable", "lag"])
async def test_a_channel_whose_difference_fails_keeps_nobody_else_waiting_and_loses_nothing(
    stage: Stage, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "ANSWER_SECONDS", 0.5)
    heard: list[str] = []
    client = await stage.open(listen(heard))
    ann = stage.meet()
    bad, good = supergroup(stage, ann, "Bad"), supergroup(stage, ann, "Good")
    for chat in (bad, good):
        await joined(stage, client, chat, ann)
    heard.clear()
    troubles(stage, bad, what)
    await lost(stage, ann, bad, "bad 1")
    stage.world.send_as(ann, bad.marked, "bad 2")
    stage.write(ann, "private")
    stage.world.send_as(ann, good.marked, "good")
    await until(lambda: stage.heard(ann) == said(["private"]) and "good" in heard and "bad 2" in heard)
    mark = client.intake.mark()
    assert mark is not None
    if what != "lag":
        assert mark.channels[bad.id] == bad.log.pts - 2
    stage.faults.clear()
    client.intake._channels._troubles.clear()
    client.intake.log.request_channel(bad.id)
    client.intake._channels.look()
    await until(lambda: sorted(heard) == ["bad 1", "bad 2", "good"])
    await until(lambda: client.intake.settled)
    assert not client.failed.done()
    assert stage.lost == []


@pytest.mark.parametrize("damage", list(Damage))
async def test_a_post_that_cannot_be_read_is_passed_over(
    stage: Stage, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[str] = []
    client = await stage.open(listen(heard))
    ann = stage.meet()
    chat = supergroup(stage, ann)
    await joined(stage, client, chat, ann)
    await stage.close(client)
    heard.clear()
    for number in range(10):
        if number in (3, 4, 8):
            stage.faults.garble_log(chat.marked, damage=damage)
        stage.world.send_as(ann, chat.marked, SECRET if number in (3, 4, 8) else f"{number}")
    client = await stage.open(listen(heard))
    await until(lambda: heard == ["0", "1", "2", "5", "6", "7", "9"])
    await until(lambda: client.intake.settled)
    assert sorted(stage.lost_updates) == [("unreadable", 1), ("unreadable", 2)]
    assert not client.failed.done()
    assert caplog.text.count("passed over") == 2


async def test_a_channel_that_is_closed_to_the_bot_is_forgotten(stage: Stage) -> None:
    heard: list[str] = []
    client = await stage.open(listen(heard))
    ann = stage.meet()
    chat = supergroup(stage, ann)
    await joined(stage, client, chat, ann)
    stage.faults.fail(OF_CHANNEL, 400, "CHANNEL_PRIVATE", times=10)
    client.intake.log.request_channel(chat.id)
    client.intake._channels.look()
    await until(lambda: chat.id not in client.intake.log.channels)
    assert not client.intake.log.channels_due
    stage.write(ann, "hello")
    await until(lambda: stage.heard(ann) == said(["hello"]))


async def test_a_channels_difference_that_is_refused_is_given_up_and_told_with_its_numbers(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(requests, "PAUSES", (0.001,))
    monkeypatch.setattr("tgbot.telegram.updates.channels.REFUSAL_SECONDS", 0.0)
    _, heard, ann, chat = await in_supergroup(stage)
    pts = chat.log.pts
    stage.faults.fail(OF_CHANNEL, 400, "SOMETHING_NEW", times=100)
    await lost(stage, ann, chat, "one")
    await lost(stage, ann, chat, "two")
    stage.world.send_as(ann, chat.marked, "three")
    await until(lambda: stage.lost_updates == [("difference_refused", 2)])
    where = f"(channel {chat.id}, pts {pts + 1} to {pts + 2})"
    assert f"channel {chat.id} (SOMETHING_NEW); 2 updates lost for good {where}" in caplog.text
    await until(lambda: heard == ["three"])


async def test_a_channels_difference_that_is_too_long_is_told_with_its_numbers(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client, heard, ann, chat = await in_supergroup(stage)
    pts = chat.log.pts

    def too_long(answer: Any, layer: int) -> object:
        *_, last = answer.new_messages
        settings = types.PeerNotifySettings()
        dialog = types.Dialog(types.PeerChannel(chat.id), last.id, 0, 0, 0, 0, 0, 0, settings, pts=answer.pts)
        return types.updates.ChannelDifferenceTooLong(dialog, [last], answer.chats, answer.users, final=True)

    for number in range(4):
        await lost(stage, ann, chat, f"{number}")
    stage.faults._add(OF_CHANNEL, Plan(rewrite=too_long), 1, None, None)
    client.intake.log.request_channel(chat.id)
    client.intake._channels.look()
    await until(lambda: heard == ["3"])
    assert stage.lost_updates == [("difference_too_long", 3)]
    where = f"(channel {chat.id}, pts {pts + 1} to {pts + 4})"
    assert f"channel {chat.id}; 3 updates lost for good {where}" in caplog.text


async def test_a_hole_of_a_channel_is_given_up_when_telegram_confirms_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgbot.telegram.updates.denials.HOLE_SECONDS", 0.5)
    client, heard, ann, chat = await in_supergroup(stage)
    stage.faults.empty_differences(True, chat.marked)
    await lost(stage, ann, chat, "one")
    stage.world.send_as(ann, chat.marked, "two")
    await until(lambda: heard == ["two"])
    await until(lambda: stage.lost_updates == [("hole", 1)])
    assert client.intake.log.mark(client.intake.log.channels).channels == {chat.id: chat.log.pts}


# ---- the loops -------------------------------------------------------------------------------------


async def test_a_loop_that_fails_is_logged_once_with_its_place_and_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tgbot.telegram.updates.guard.PAUSES", (0.01,))
    client = await stage.open(echo)
    ann = stage.meet()
    real, failures = client.intake._account.read, 5

    async def failing() -> None:
        nonlocal failures
        if failures:
            failures -= 1
            raise RuntimeError(SECRET)
        await real()

    monkeypatch.setattr(client.intake._account, "read", failing)
    stage.faults.lose(1)
    stage.write(ann, "one")
    stage.write(ann, "two")
    await until(lambda: sorted(stage.heard(ann)) == said(["one", "two"]))
    assert not client.failed.done()
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 1
    assert "RuntimeError < test_differences.py" in errors[0].message


async def test_requests_that_are_under_way_when_the_bot_stops_are_ended(stage: Stage) -> None:
    client = await stage.open(echo)
    stage.faults.silence(DIFFERENCE)
    client.intake.begin_difference()
    await until(lambda: client.intake.log.account.asking)
    assert await stage.close(client)
    assert all("_ask" not in repr(task) for task in asyncio.all_tasks())
