"""Faults that the page causes, lists and ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.page.conftest import Asked
from tgbot.sandbox.faults import Damage, Nonsense
from tgbot.sandbox.server import Sandbox

#: A line for each kind of fault that lasts, and what the list says of it.
LINES = {
    "fail messages.sendMessage 420 FLOOD_WAIT_3 times=2 account={bot}": "answers FLOOD_WAIT_3",
    "lose-answer messages.sendMessage": "the link is cut before the answer",
    "silence messages.sendMessage": "is never answered",
    "delay 2 account={bot}": "2 s late",
    "bad-salt": "bad_server_salt",
    "garble-answers help.getConfig": "not the true one",
    "refuse 100": "new connections are refused",
    "transport-error -429 times=3": "answered with -429",
    "single-session on": "ends both",
    "clock 60": "60 s ahead",
    "withhold {bot}": "updates are held back",
    "reorder 3 {bot}": "reverse order",
    "repeat 3 {bot}": "come twice",
    "lose 3 {bot}": "never sent",
    "garble 3 {bot}": "cannot be read",
    "share on": "one of several sessions",
    "garble-log 1 {bot}": "a part of the log is unreadable",
    "stick on {bot}": "do not advance",
    "empty on": "differences are empty",
    "distort pts-ahead": "states are pts-ahead",
    "lag 3": "lag by 3 s",
    "slice 2": "at most 2 updates",
    "too-long on": "every difference is too long",
    "message-ids off": "no updateMessageID",
}


async def now(tab: Asked) -> Any:
    return (await tab.heard("faults"))["faults"]


async def test_the_page_gets_the_commands_with_usage_and_meaning(tab: Asked) -> None:
    commands = {each["name"]: each for each in (await tab.heard("commands"))["commands"]}
    assert commands["drop"] == {"name": "drop", "usage": "[ACCOUNT]", "meaning": "close connections"}
    assert {"fail", "kill-keys", "clear", "help"} <= commands.keys()


@pytest.mark.parametrize("line", LINES)
async def test_each_fault_that_lasts_is_listed_and_can_be_ended(
    sandbox: Sandbox, tab: Asked, line: str
) -> None:
    bot = sandbox.new_bot("the_bot")
    assert await now(tab) == []
    said = await tab.ask("fault", line=line.format(bot=bot.id))
    assert said.endswith(".")
    (listed,) = await now(tab)
    assert LINES[line] in listed["text"]
    assert listed["whom"] == ("@the_bot" if "{bot}" in line else "")
    await tab.ask("end_fault", key=listed["key"])
    assert await now(tab) == []
    assert not list(sandbox.faults.active())


async def test_one_of_several_faults_is_ended_and_clear_ends_all(sandbox: Sandbox, tab: Asked) -> None:
    for line in ("lose 3", "repeat 3", "delay 1", "fail x 500 A", "fail x 500 B"):
        await tab.ask("fault", line=line)
    listed = await now(tab)
    while len(listed) < 5:
        listed = await now(tab)
    # Some are alike but for their kind: only the one that was meant ends.
    for each in (listed[3], listed[1]):
        assert await tab.ask("end_fault", key=each["key"])
        listed.remove(each)
        assert [one["key"] for one in await now(tab)] == [one["key"] for one in listed]
    assert await tab.ask("fault", line="clear") == "All faults are off."
    assert await now(tab) == []


async def test_a_fault_that_is_used_up_leaves_the_list_by_itself(sandbox: Sandbox, tab: Asked) -> None:
    await tab.ask("fault", line="fail help.getConfig 500 INTERNAL times=2")
    await tab.heard("faults", lambda told: [each["left"] for each in told["faults"]] == [2])
    sandbox.faults.plan("help.getConfig", None)
    await tab.heard("faults", lambda told: [each["left"] for each in told["faults"]] == [1])
    sandbox.faults.plan("help.getConfig", None)
    await tab.heard("faults", lambda told: told["faults"] == [])


async def test_faults_that_were_not_caused_on_the_page_are_listed_too(sandbox: Sandbox, tab: Asked) -> None:
    sandbox.faults.repeat(1)
    sandbox.faults.garble(1, damage=Damage.CUT)
    sandbox.faults.distort_states(Nonsense.QTS_AHEAD)
    await tab.heard("faults", lambda told: len(told["faults"]) == 3)


@pytest.mark.parametrize(
    ("line", "told"), [("fly", "Unknown command 'fly'"), ("delay", "Usage: delay SECONDS")]
)
async def test_a_line_that_is_no_command_is_refused_in_words(tab: Asked, line: str, told: str) -> None:
    assert told in (await tab.ask("fault", line=line))["error"]["text"]


async def test_a_part_of_the_stage_that_breaks_does_not_stop_the_others(
    sandbox: Sandbox, tab: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await tab.ask("fault", line="lose 3")
    assert await now(tab) == []
    assert len(await now(tab)) == 1

    def broken() -> Any:
        raise RuntimeError("a defect")

    with monkeypatch.context() as patch:
        patch.setattr(sandbox.faults, "active", broken)
        bot = sandbox.new_bot("the_bot")
        assert (await tab.heard("count", lambda told: told["account"] is not None))["account"] == bot.id
    sandbox.faults.clear()
    assert await now(tab) == []
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "a defect" in caplog.text
    assert told.getMessage() == "a part of the stage could not tell what has changed"
