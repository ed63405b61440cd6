"""What a typed command is: its usage, its meaning, and how it is built from its words."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ..faults import Faults
from .words import Words

Deed = Callable[[], Awaitable[str]]
Build = Callable[[Faults, Words], Deed]


@dataclass(frozen=True, slots=True)
class Command:
    """One command; `build` checks its words and returns what it does."""

    usage: str
    meaning: str
    build: Build


def say(sentence: str, call: Callable[[], object]) -> Deed:
    """Return a deed that calls a function and answers a sentence."""

    async def deed() -> str:
        call()
        return sentence

    return deed


def count(sentence: str, call: Callable[[], int]) -> Deed:
    """Return a deed that calls a function and answers a sentence with the number that it returns."""

    async def deed() -> str:
        return sentence.format(call())

    return deed


def switch(on: str, off: str, rule: Callable[[Faults, bool], None]) -> Build:
    """Return the builder of a command with the argument on or off."""

    def build(faults: Faults, words: Words) -> Deed:
        wanted = words.switch()
        return say(on if wanted else off, lambda: rule(faults, wanted))

    return build


def whom(account: int | None) -> str:
    return "all accounts" if account is None else f"account {account}"


def of_what(peer: int | None) -> str:
    if peer is None:
        return "all accounts and channels"
    return f"account {peer}" if peer > 0 else f"channel {peer}"


def how_long(times: int | None, seconds: float | None) -> str:
    """Return how many calls or packets a fault is for, or for how long."""
    if seconds is None:
        return f"the next {times or 1}"
    number = "" if times is None else f"the next {times}"
    if seconds == float("inf"):
        return number or "from now on"
    return f"{number}{', ' if number else ''}for {seconds:g} s"
