"""Talks that were interrupted: by kills at the worst instants, by errors, and by deadlines."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from telethon import events

from tests.scenarios.crash import until
from tests.scenarios.talk import Talk as Chat
from tests.scenarios.talk import press
from tests.scenarios.talking import Register, TalkingBot, talking
from tgbot.plugins.talks import Talk, TalkExpired, Talks, wakes
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.telegram import checkpoints
from tgbot.telegram.inside import Inside

__all__ = ["talking"]


class Gate:
    """A place in a talk's function at which the first run stops."""

    def __init__(self) -> None:
        self.runs = 0
        self.reached = asyncio.Event()

    async def __call__(self) -> None:
        self.runs += 1
        self.reached.set()
        if self.runs == 1:
            await asyncio.Event().wait()


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make checkpoints only where somebody asks for one."""
    monkeypatch.setattr(checkpoints, "CHECKPOINT_SECONDS", 1000.0)


class Person:
    """Somebody who writes from inside the world, at any time of its clock."""

    def __init__(self, sandbox: Sandbox, bot: Account) -> None:
        self.world, self.bot = sandbox.world, bot
        self.id = int(self.world.new_user("Anna").id)

    def say(self, text: str) -> None:
        self.world.send_as(self.id, self.bot.id, text)

    def press(self, label: str) -> None:
        """Press the button with this label of the last message."""
        box, account = self.world.accounts[self.id].box, self.world.accounts[self.id]
        copy = box.get(box.dialogs[self.bot.id].ids[-1])
        assert copy is not None
        for row in getattr(copy.post.markup, "rows", None) or ():
            for button in row.buttons:
                if button.text == label:
                    self.world.presses.press(account, copy, button.type.data, self.world.now() + 15.0)

    def heard(self) -> list[str]:
        box = self.world.accounts[self.id].box
        dialog = box.dialogs.get(self.bot.id)
        copies = [box.get(number) for number in dialog.ids] if dialog else []
        return [copy.post.text for copy in copies if copy is not None and not copy.out]

    async def hears(self, *texts: str) -> None:
        """Return once the bot has said these texts and no others, in this order."""
        with contextlib.suppress(TimeoutError):
            await until(lambda: len(self.heard()) >= len(texts), "the bot says something", 10.0)
        assert self.heard() == list(texts)


@pytest.fixture
def anna(sandbox: Sandbox, account: Account) -> Person:
    return Person(sandbox, account)


@pytest.mark.usefixtures("seldom")
async def test_an_answer_that_comes_again_is_not_the_next_answer(talking: TalkingBot, anna: Person) -> None:
    gate = Gate()

    def register(talks: Talks) -> None:
        @talks.on(r"^/two$", name="two")
        async def two(talk: Talk) -> None:
            first = await talk.ask("First?")
            await gate()
            await talk.say(f"{first} {await talk.ask('Second?')}")

    await talking.start(register)
    anna.say("/two")
    await anna.hears("First?")
    anna.say("one")
    await gate.reached.wait()
    await talking.bot.users.flush()  # the answer is on disk, and the update state is before it
    await talking.kill()
    await talking.start(register)
    await anna.hears("First?", "Second?")
    anna.say("two")
    await anna.hears("First?", "Second?", "one two")
    assert gate.runs == 2


async def test_a_press_goes_on_after_a_kill_although_telegram_does_not_send_it_again(
    talking: TalkingBot, person: Any
) -> None:
    gate, done = Gate(), []

    def register(talks: Talks) -> None:
        @talks.on(r"^/choose$", name="choose")
        async def choose(talk: Talk) -> None:
            size = await talk.choose("Which?", ["S", "M"])
            await gate()
            assert talk.event is None
            await talk.once("done", lambda: done.append(size))
            await talk.say(f"You chose {await talk.ask('Sure?')} {size}")

    await talking.start(register)
    anna = Chat(await person("Anna"))
    await anna.say("/choose")
    await press(anna, await anna.hears_message(), "M")
    await gate.reached.wait()
    await talking.kill()
    await talking.start(register)
    assert await anna.hears() == "Sure?"
    assert await anna.ask("yes") == "You chose yes M"
    assert done == ["M"]
    assert await talking.bot.client._store.planned.about(anna.id) == []  # type: ignore[attr-defined] # a SqliteStore


@pytest.mark.usefixtures("seldom")
async def test_the_result_of_once_is_on_disk_before_it_returns(talking: TalkingBot, anna: Person) -> None:
    gate = Gate()
    quotes: list[int] = []

    async def quote() -> dict[str, int]:
        quotes.append(len(quotes) + 1)
        return {"price": len(quotes)}

    def register(talks: Talks) -> None:
        @talks.on(r"^/buy$", name="buy")
        async def buy(talk: Talk) -> None:
            quoted = await talk.once("quote", quote)
            await gate()
            await talk.say(f"{quoted['price']}")

    await talking.start(register)
    anna.say("/buy")
    await gate.reached.wait()
    await talking.kill()
    await talking.start(register)
    await anna.hears("1")
    assert quotes == [1]


@pytest.mark.usefixtures("seldom")
async def test_everything_of_a_talk_comes_again_and_is_done_once(
    talking: TalkingBot, anna: Person, tmp_path: Path
) -> None:
    done: list[str] = []
    passed_on: list[str] = []

    def register(talks: Talks) -> None:
        async def hear(event: Any) -> None:
            passed_on.append(event.raw_text)

        @talks.on(r"^/two$", name="two")
        async def two(talk: Talk) -> None:
            await talk.client.send_message(talk.chat_id, "Well.")
            first = await talk.ask("First?")
            await talk.client.send_message(talk.chat_id, "Thank you.")
            second = await talk.ask("Second?")
            done.append(first + second)
            await talk.say("Done.")

        talking.client.add_event_handler(hear, events.NewMessage(incoming=True))

    await talking.start(register)
    said = ["Well.", "First?"]
    anna.say("/two")
    await anna.hears(*said)
    await again(talking, register, tmp_path)
    for text, more in (("1", ["Thank you.", "Second?"]), ("2", ["Done."])):
        anna.say(text)
        said += more
        await anna.hears(*said)
        await again(talking, register, tmp_path)
    anna.say("/two")
    said += ["Well.", "First?"]
    await anna.hears(*said)
    assert done == ["12"]
    assert passed_on == []


async def again(talking: TalkingBot, register: Register, directory: Path) -> None:
    """Kill the bot such that Telegram sends everything again, and no message counts as finished."""
    await until(lambda: talking.bot.client._batches.waiting == 0, "the handlers are done")
    await talking.bot.users.flush()
    await talking.kill()
    with contextlib.closing(
        sqlite3.connect(directory / "sessions" / "users.sqlite", isolation_level=None)
    ) as users:
        users.execute("UPDATE users SET value = json_remove(value, '$.last_finished_id')")
    await talking.start(register)
    client = talking.bot.client
    await until(lambda: client.intake.settled and not client._batches.waiting, "all has come again")


@pytest.mark.usefixtures("seldom")
async def test_a_talk_that_ended_by_another_command_is_not_ended_again(
    talking: TalkingBot, anna: Person, tmp_path: Path
) -> None:
    def register(talks: Talks) -> None:
        for name in ("one", "two"):

            @talks.on(rf"^/{name}$", name=name)
            async def ask(talk: Talk, name: str = name) -> None:
                await talk.say(f"{name}: {await talk.ask(name)}")

    await talking.start(register)
    said = ["one"]
    anna.say("/one")
    await anna.hears("one")
    for text, answer in (
        ("/two", "two"),
        ("/cancel", "All right, we stop here."),
        ("/one", "one"),
        ("x", "one: x"),
    ):
        anna.say(text)
        said.append(answer)
        await anna.hears(*said)
        await again(talking, register, tmp_path)
        await anna.hears(*said)


async def test_a_talk_that_a_stop_cuts_off_goes_on_after_the_start(talking: TalkingBot, person: Any) -> None:
    gate = Gate()

    def register(talks: Talks) -> None:
        @talks.on(r"^/choose$", name="choose")
        async def choose(talk: Talk) -> None:
            size = await talk.choose("Which?", ["S", "M"])
            if not gate.runs:
                gate.runs += 1
                raise RuntimeError("on purpose")  # so that the alarm carries it on
            await talk.once("gate", lambda: None)
            gate.reached.set()
            if gate.runs == 1:
                gate.runs += 1
                await asyncio.Event().wait()
            await talk.say(size)

    await talking.start(register)
    anna = Chat(await person("Anna"))
    await anna.say("/choose")
    await press(anna, await anna.hears_message(), "M")
    await gate.reached.wait()
    await talking.stop()
    await talking.start(register)
    assert await anna.hears() == "M"


# ---- errors ----------------------------------------------------------------------------------------


async def test_what_failed_is_parked_and_goes_on_after_the_mend(talking: TalkingBot, anna: Person) -> None:
    broken = True

    def register(talks: Talks) -> None:
        @talks.on(r"^/two$", name="two")
        async def two(talk: Talk) -> None:
            first = await talk.ask("First?")
            if broken:
                raise RuntimeError("broken")
            await talk.say(f"{first} {await talk.ask('Second?')}")

    bot = await talking.start(register)
    anna.say("/two")
    await anna.hears("First?")
    anna.say("one")
    await until(lambda: bot.parked(anna.id) == 1, "it is parked")
    (entry,) = bot.client.parking._parked.entries()
    assert entry.handler.startswith("tests.scenarios.test_talk_restarts.test_what_failed")
    assert bot.client._handlers.errors["tests.scenarios.test_talk_restarts"] == 1
    broken = False
    anna.say("hello?")  # the question that it is answered with was not asked yet
    await anna.hears("First?", "Second?")
    await bot.client.parking.retry([entry.key])
    await until(lambda: bot.parked(anna.id) == 0, "it is done")
    anna.say("two")
    await anna.hears("First?", "Second?", "one two")


async def test_what_fails_without_an_update_is_tried_again_a_few_times(
    talking: TalkingBot, person: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(wakes, "PAUSES", (0, 0, 0))
    runs: list[object] = []

    def register(talks: Talks) -> None:
        @talks.on(r"^/choose$", name="choose")
        async def choose(talk: Talk) -> None:
            size = await talk.choose("Which?", ["S", "M"])
            runs.append(talk.event)
            if len(runs) < 3 or len(runs) in range(4, 8):
                raise RuntimeError("broken")
            await talk.say(size)

    await talking.start(register)
    anna = Chat(await person("Anna"))
    await anna.say("/choose")
    await press(anna, await anna.hears_message(), "M")
    assert await anna.hears() == "M"
    assert [event is None for event in runs] == [False, True, True]
    await anna.say("/choose")
    await press(anna, await anna.hears_message(), "M")
    await until(lambda: len(runs) == 7, "it has failed for good")
    await until(lambda: "the talk choose waits for the user's next message" in caplog.text, "it waits")
    assert await anna.ask("and?") == "M"


# ---- deadlines -------------------------------------------------------------------------------------


def patient(talks: Talks) -> None:
    @talks.on(r"^/patient$", name="patient")
    async def patient(talk: Talk) -> None:
        try:
            answer = await talk.ask("Well?", until=timedelta(hours=2))
        except TalkExpired:
            answer = await talk.ask("Too late. And now?", until=3600.0)
        await talk.say(f"So {answer}.")


async def test_a_deadline_passes_while_the_bot_is_off(
    talking: TalkingBot, anna: Person, sandbox: Sandbox
) -> None:
    await talking.start(patient)
    anna.say("/patient")
    await anna.hears("Well?")
    await talking.stop()
    sandbox.faults.set_clock(3 * 3600)
    await talking.start(patient)
    await anna.hears("Well?", "Too late. And now?")
    await talking.kill()
    await talking.start(patient)
    await talking.stop()
    sandbox.faults.set_clock(5 * 3600)
    await talking.start(patient)
    ended = "I did not hear from you, so we stop here. You can begin again at any time."
    await anna.hears("Well?", "Too late. And now?", ended)
    kept = talking.kept(anna.id)
    assert kept is not None
    assert kept.over


@pytest.mark.parametrize(("hours", "said"), [(1, ["So yes."]), (2.5, ["Too late. And now?"])])
async def test_what_counts_is_when_the_answer_was_written(
    talking: TalkingBot, anna: Person, sandbox: Sandbox, hours: float, said: list[str]
) -> None:
    await talking.start(patient)
    anna.say("/patient")
    await anna.hears("Well?")
    await talking.stop()
    sandbox.faults.set_clock(hours * 3600)
    anna.say("yes")
    sandbox.faults.set_clock(3 * 3600)
    await talking.start(patient)
    await anna.hears("Well?", *said)


async def test_a_deadline_passes_while_the_bot_runs(talking: TalkingBot, anna: Person) -> None:
    def register(talks: Talks) -> None:
        @talks.on(r"^/short$", name="short")
        async def short(talk: Talk) -> None:
            await talk.choose("Well?", ["Yes"], until=1)

    await talking.start(register)
    anna.say("/short")
    await anna.hears("Well?", "I did not hear from you, so we stop here. You can begin again at any time.")


async def test_a_press_after_the_deadline_is_too_late(
    talking: TalkingBot, anna: Person, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register(talks: Talks) -> None:
        @talks.on(r"^/hour$", name="hour")
        async def hour(talk: Talk) -> None:
            await talk.say(await talk.choose("Well?", ["Yes", "No"], until=timedelta(hours=1)))

    await talking.start(register)
    anna.say("/hour")
    await anna.hears("Well?")
    await talking.stop()
    # The alarm waits for answers that may be on their way.
    monkeypatch.setattr(Inside, "is_quiet", lambda inside, dialog: False)
    sandbox.faults.set_clock(2 * 3600)
    await talking.start(register)
    anna.press("Yes")
    await anna.hears("Well?", "I did not hear from you, so we stop here. You can begin again at any time.")
