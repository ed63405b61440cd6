"""The arguments of a typed command, read and checked one by one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

from ..dialogs import CHANNEL_BASE
from ..faults import Damage
from ..world import World

Choice = TypeVar("Choice", bound=Enum)


class FaultError(Exception):
    """A line is not a valid command; the message says why."""


class Words:
    """The words of a line after the command's name; `name=value` may stand anywhere."""

    def __init__(self, world: World, words: Iterable[str]) -> None:
        self.world = world
        self._named: dict[str, str] = {}
        self._words: list[str] = []
        for word in words:
            name, sign, value = word.partition("=")
            if sign:
                self._named[name.lower()] = value
            else:
                self._words.append(word)

    def word(self, what: str) -> str:
        if not self._words:
            raise FaultError(f"{what} is missing.")
        return self._words.pop(0)

    def left(self) -> bool:
        return bool(self._words)

    def flag(self, name: str) -> bool:
        if name in self._words:
            self._words.remove(name)
            return True
        return False

    def whole(self, what: str, text: str | None = None) -> int:
        text = self.word(what) if text is None else text
        if not text.isdecimal() or not 0 < int(text) < 1 << 31:
            raise FaultError(f"{what} must be a whole number above 0, not {text!r}.")
        return int(text)

    def code(self, what: str) -> int:
        """Read a number that may be negative."""
        text = self.word(what)
        sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
        return sign * self.whole(what, digits) if digits.isdecimal() else self.whole(what, text)

    def seconds(self, what: str) -> float:
        text = self.word(what)
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value < 1e6:
            raise FaultError(f"{what} must be a number of seconds, not {text!r}.")
        return value

    def ahead(self, what: str) -> float:
        text = self.word(what)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) < 1e9:
            raise FaultError(f"{what} must be a number of seconds, not {text!r}.")
        return value

    def switch(self, what: str = "on or off") -> bool:
        text = self.word(what).lower()
        if text not in ("on", "off"):
            raise FaultError(f"{what} must be on or off, not {text!r}.")
        return text == "on"

    def choice(self, what: str, choices: type[Choice]) -> Choice:
        """Read the value of a member of an Enum, in any case."""
        text = self.word(what)
        for each in choices:
            if str(each.value).lower() == text.lower():
                return each
        known = ", ".join(str(each.value) for each in choices)
        raise FaultError(f"{what} must be one of {known}, not {text!r}.")

    def flagged(self, choices: type[Choice], default: Choice) -> Choice:
        """Read a member of an Enum that may stand anywhere; return `default` without one."""
        return next((each for each in choices if self.flag(str(each.value))), default)

    def damage(self) -> Damage:
        return self.flagged(Damage, Damage.UNKNOWN)

    def times(self) -> int:
        return self.whole("times", self._named.pop("times", "1"))

    def lasting(self) -> tuple[int | None, float | None]:
        """Read `times=…` and `seconds=…` (also `seconds=inf`); return None for what is not given."""
        times = self.whole("times", self._named.pop("times")) if "times" in self._named else None
        text = self._named.pop("seconds", None)
        if text is None:
            return times, None
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not seconds > 0:
            raise FaultError(f"seconds must be a number of seconds or inf, not {text!r}.")
        return times, seconds

    def named(self, name: str) -> int | None:
        """Read `name=…` as a whole number above 0; return None without one."""
        return self.whole(name, self._named.pop(name)) if name in self._named else None

    def one_account(self) -> int:
        found = self.account()
        if found is None:
            raise FaultError("ACCOUNT is missing.")
        return found

    def account(self) -> int | None:
        """Read `account=…` or the next word as an account id; return None (all accounts) without one."""
        text = self._named.pop("account", None)
        if text is None and self._words:
            text = self._words.pop(0)
        if text is None:
            return None
        accounts = self.world.accounts
        found = int(text) if text.isdecimal() else accounts.holder(text.removeprefix("@"))
        if found is None or accounts.get(found) is None:
            raise FaultError(f"Unknown account {text!r}: give an id or a @username.")
        return found

    def peer(self) -> int | None:
        """Read the next word as an account, or as a channel by marked id or @username; None: all."""
        if not self._words:
            return None
        text = self._words[0]
        digits = text.removeprefix("-")
        found = int(text) if digits.isdecimal() else self.world.accounts.holder(text.removeprefix("@"))
        if found is None or found >= -CHANNEL_BASE or found not in self.world.chats:
            return self.account()
        self._words.pop(0)
        return found

    def one_peer(self) -> int:
        found = self.peer()
        if found is None:
            raise FaultError("PEER is missing.")
        return found

    def end(self) -> None:
        left = [*self._words, *self._named]
        if left:
            raise FaultError(f"Unexpected argument {left[0]!r}.")
