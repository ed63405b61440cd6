"""The commands for broadcasts: what arguments they take, and what their answers hold."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tgbot.core.broadcasterrors import ContentError
from tgbot.core.errors import ArgumentError, NoBotRunsError
from tgbot.messaging.broadcast.kept import KeptBroadcasts
from tgbot.operate.broadcasts import MOST_IDS, chat_by_number, commands
from tgbot.operate.control import carry_out
from tgbot.store.sqlite.userfile import SqliteRegistry

TEXT = {"": {"text": "the planted text"}}

Ask: TypeAlias = Callable[..., Awaitable[Any]]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[KeptBroadcasts]:
    """The broadcasts in a new file."""
    users = SqliteRegistry(tmp_path / "users.sqlite", clock=time.time)
    yield KeptBroadcasts(
        users.broadcasts,
        users,
        pace=30.0,
        username=lambda: "the_bot",
        checkpoint=users.flush,
        clock=time.time,
    )
    users.close()


@pytest.fixture
def ask(kept: KeptBroadcasts) -> Ask:
    """Return a function that carries out a command without its `broadcast.`, and returns the result."""
    known = commands(kept, chat_by_number(lambda: NoBotRunsError("sessions")))

    async def nobody(progress: Any) -> None: ...

    async def ask(command: str, **arguments: object) -> Any:
        return await carry_out(known[f"broadcast.{command}"], arguments, nobody)

    return ask


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({}, "contents: Field required"),
        ({"contents": "text"}, "contents: "),
        ({"contents": {"": "text"}}, "contents: "),
        ({"contents": {"": {}}}, "contents: expected either text, or chat and message"),
        (
            {"contents": {"": {"text": "a", "message": 5}}},
            "contents: expected either text, or chat and message",
        ),
        ({"contents": {"": {"message": 5}}}, "contents: expected either text, or chat and message"),
        ({"contents": {"": {"chat": 5}}}, "contents: expected either text, or chat and message"),
        ({"contents": {"": {"text": "a", "markup": "rtf"}}}, "contents: Invalid enum value 'rtf'"),
        ({"contents": {"": {"text": "a", "colour": 1}}}, "contents: Object contains unknown field `colour`"),
        ({"contents": {"": {"text": 5}}}, "contents: Expected `str | null`, got `int`"),
        ({"contents": TEXT, "audience": {"age": 5}}, "audience: Object contains unknown field `age`"),
        ({"contents": TEXT, "audience": {"ids": ["x"]}}, "audience: Expected `int`, got `str`"),
        ({"contents": TEXT, "audience": {"languages": ["12"]}}, "audience: '12' is no code of a language"),
        ({"contents": TEXT, "buttons": [["a"]]}, "buttons: "),
        ({"contents": TEXT, "rate": -1}, "rate: "),
        ({"contents": TEXT, "rate": float("inf")}, "rate: "),
        ({"contents": TEXT, "at": -5}, "at: "),
        ({"contents": TEXT, "until": 2**32}, "until: "),
        ({"contents": TEXT, "colour": "red"}, "colour: Extra inputs are not permitted"),
    ],
)
async def test_an_argument_that_cannot_be_meant_is_named_and_nothing_is_made(
    arguments: dict[str, object], problem: str, ask: Ask, kept: KeptBroadcasts
) -> None:
    with pytest.raises(ArgumentError) as refused:
        await ask("create", **arguments)
    assert str(refused.value).startswith(problem)
    assert "planted" not in str(refused.value)
    assert kept.all() == []


async def test_a_draft_is_shown_without_its_text_and_without_the_ids_of_people(ask: Ask) -> None:
    audience = {"ids": [7, 5_000_000_001, 7], "languages": ["RU"], "last_seen_after": 5}
    made = await ask("create", contents=TEXT, audience=audience, buttons=[["Look", "start:a"]])
    assert made["definition"]["audience"] == {"ids": 2, "languages": ("ru",), "last_seen_after": 5}
    assert made["definition"]["buttons"] == [{"text": "Look", "url": "", "payload": "a"}]
    assert "planted" not in str(made)
    assert "5000000001" not in str(made)
    assert await ask("status", id=1) == made


async def test_more_chosen_recipients_than_a_request_holds_are_refused(ask: Ask) -> None:
    with pytest.raises(ContentError, match=r"it names 250,001 recipients.*name at most 250,000"):
        await ask("create", contents=TEXT, audience={"ids": list(range(1, MOST_IDS + 2))})
    made = await ask("create", contents=TEXT, audience={"ids": list(range(1, MOST_IDS + 1))})
    assert made["definition"]["audience"] == {"ids": MOST_IDS}


async def test_a_change_keeps_what_is_not_named_and_takes_back_what_is_to_be_cleared(ask: Ask) -> None:
    audience = {"languages": ["ru"], "premium": True}
    later = int(time.time()) + 1000
    await ask("create", contents=TEXT, audience=audience, name="Autumn", rate=5.0, until=later, silent=True)
    changed = await ask("change", id=1, audience={"payload": "a"}, preview=False)
    assert changed["definition"]["audience"] == {"languages": ("ru",), "premium": True, "payload": "a"}
    assert (changed["name"], changed["until"], changed["definition"]["rate"]) == ("Autumn", later, 5.0)
    assert (changed["definition"]["silent"], changed["definition"]["preview"]) == (True, False)
    clear = ["audience", "name", "rate", "until"]
    changed = await ask("change", id=1, audience={"premium": False}, clear=clear)
    assert changed["definition"]["audience"] == {"premium": False}
    assert (changed["name"], changed["until"], changed["definition"]["rate"]) == ("", None, 0.0)
    assert changed["definition"]["silent"] is True
    with pytest.raises(ArgumentError, match=r"^clear: "):
        await ask("change", id=1, clear=["everything"])


async def test_a_chat_is_known_by_its_number_alone_where_no_bot_can_be_asked(ask: Ask) -> None:
    for chat in (-1_000_000_000_007, "-1000000000007"):
        made = await ask("create", contents={"": {"chat": chat, "message": 5}})
        copied = made["definition"]["contents"][""]
        assert copied == {
            "messages": None,
            "characters": None,
            "media": 0,
            "copy_of": {"chat": -1_000_000_000_007, "message": 5},
        }
    with pytest.raises(NoBotRunsError):
        await ask("create", contents={"": {"chat": "@the_news", "message": 5}})


async def test_broadcasts_come_in_pages_and_no_list_is_cut_off(ask: Ask) -> None:
    for _ in range(101):
        await ask("create", contents=TEXT)
    first = await ask("list")
    assert ([one["id"] for one in first["broadcasts"]], first["after"]) == (list(range(1, 101)), 100)
    rest = await ask("list", after=100)
    assert ([one["id"] for one in rest["broadcasts"]], rest["after"]) == ([101], None)
    assert await ask("list", after=101) == {"broadcasts": [], "after": None}
