"""Which handlers are asked about an update: nobody is left out who would want it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import events
from telethon.tl import types

from tgbot.handlers.commands import Matching
from tgbot.telegram.updates.lineup import Lineup, words_of

PATTERNS = [
    "^/start( .+)?$",
    "/start(?: .+)?$",
    "^/help$",
    "^/help( .*)?$",
    "/start",
    "^/(start|help)$",
    "(?i)^/start$",
    "^/sta",
    "hello",
    re.compile("^/start$", re.IGNORECASE),
    re.compile("^/start( .+)?$"),
]


async def handle(event: Any) -> None:
    """Stand for any handler."""


def new(text: str) -> types.UpdateNewMessage:
    return types.UpdateNewMessage(types.Message(1, types.PeerUser(7), message=text), 5, 1)


def wanting(lineup: Lineup, update: Any) -> list[Any]:
    return [entry.builder for entry in lineup.wanting(update)]


@given(
    st.one_of(
        st.sampled_from(
            ["/start", "/help", "/Start", "/start x", "/start\n", "/starter", " /start", "/start@b"]
        ),
        st.text(alphabet="/starhelp @\n x", max_size=12),
    )
)
def test_nobody_is_left_out_who_would_want_a_text(text: str) -> None:
    builders = [events.NewMessage(pattern=pattern) for pattern in PATTERNS]
    lineup = Lineup([(builder, handle) for builder in builders])
    asked = wanting(lineup, new(text))
    assert [one for one in builders if one.pattern(text) and one not in asked] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [("/start", 2), ("/start again", 2), ("/help", 1), ("/other", 0), ("hello", 0), ("", 0)],
)
def test_a_command_is_looked_up(text: str, number: int) -> None:
    starts = [events.NewMessage(pattern="^/start( .+)?$"), events.NewMessage(pattern="/start$")]
    lineup = Lineup([(one, handle) for one in (*starts, events.NewMessage(pattern="^/help$"))])
    assert len(wanting(lineup, new(text))) == number


def test_the_bots_own_commands_are_looked_up_however_they_are_typed() -> None:
    own = events.NewMessage(pattern=Matching(None, "start", "go"))  # type: ignore[arg-type]  # matches nothing here
    assert words_of(own) == {"start", "go"}
    lineup = Lineup([(own, handle)])
    assert wanting(lineup, new("\u200b/GO@our_bot x")) == [own]
    assert wanting(lineup, new("/gone")) == []


def test_a_raw_handler_is_asked_about_its_updates_only() -> None:
    every, stops = events.Raw(), events.Raw((types.UpdateBotStopped,))
    lineup = Lineup([(every, handle), (stops, handle)])
    assert wanting(lineup, new("hello")) == [every]
    assert wanting(lineup, types.UpdateBotStopped(7, None, True, 5)) == [every, stops]


def test_handlers_that_come_and_go_are_asked_from_then_on() -> None:
    first, second = events.NewMessage(pattern="^/one$"), events.NewMessage(pattern="^/two$")
    lineup = Lineup([(first, handle)])
    assert wanting(lineup, new("/two")) == []
    lineup.append((second, handle))
    assert wanting(lineup, new("/two")) == [second]
    del lineup[1]
    assert wanting(lineup, new("/two")) == []


def test_unknown_commands_do_not_fill_the_memory() -> None:
    lineup = Lineup([(events.NewMessage(pattern="^/start$"), handle)])
    for number in range(1_000):
        lineup.wanting(new(f"/c{number}"))
    assert len(lineup._plan) == 1


def test_a_subclass_of_telethons_builder_is_always_asked() -> None:
    class Own(events.NewMessage):  # type: ignore[misc]  # Telethon's classes are untyped
        def filter(self, event: Any) -> Any:
            return event

    own = Own(pattern="^/start$")
    assert wanting(Lineup([(own, handle)]), new("hello")) == [own]
