"""Typed commands that switch faults on and off; `help` lists them."""

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial

from .faults import Faults
from .world import World

Deed = Callable[[], Awaitable[str]]


class FaultError(Exception):
    """A line is not a valid command; the message says why."""


async def run(faults: Faults, world: World, line: str) -> str:
    """Carry out a command and return a sentence that says what was done, or what is wrong with the line."""
    try:
        return await parse(faults, world, line)()
    except FaultError as error:
        return str(error)


def parse(faults: Faults, world: World, line: str) -> Deed:
    """Return the checked command of a line, ready to be carried out; raise `FaultError` for other lines."""
    name, *rest = line.split() or [""]
    command = _COMMANDS.get(name.lower())
    if command is None:
        raise FaultError(f"Unknown command {name!r}. Type help for a list.")
    words = _Words(world, rest)
    try:
        deed = command.build(faults, words)
        words.end()
    except FaultError as error:
        raise FaultError(f"{error} Usage: {name.lower()} {command.usage}".rstrip()) from None
    return deed


class _Words:
    """The arguments of a command, read and checked one by one."""

    def __init__(self, world: World, words: Iterable[str]) -> None:
        self._world = world
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

    def switch(self, what: str) -> bool:
        text = self.word(what).lower()
        if text not in ("on", "off"):
            raise FaultError(f"{what} must be on or off, not {text!r}.")
        return text == "on"

    def times(self) -> int:
        return self.whole("times", self._named.pop("times", "1"))

    def account(self) -> int | None:
        """Read `account=…` or the next word as an account id; return None (all accounts) without one."""
        text = self._named.pop("account", None)
        if text is None and self._words:
            text = self._words.pop(0)
        if text is None:
            return None
        accounts = self._world.accounts
        found = int(text) if text.isdecimal() else accounts.holder(text.removeprefix("@"))
        if found is None or accounts.get(found) is None:
            raise FaultError(f"Unknown account {text!r}: give an id or a @username.")
        return found

    def end(self) -> None:
        left = [*self._words, *self._named]
        if left:
            raise FaultError(f"Unexpected argument {left[0]!r}.")


@dataclass(frozen=True, slots=True)
class _Command:
    usage: str
    meaning: str
    build: Callable[[Faults, _Words], Deed]


def _say(sentence: str, call: Callable[[], object]) -> Deed:
    async def deed() -> str:
        call()
        return sentence

    return deed


def _whom(account: int | None) -> str:
    return "all accounts" if account is None else f"account {account}"


def _help(faults: Faults, words: _Words) -> Deed:
    width = max(len(f"{name} {command.usage}") for name, command in _COMMANDS.items())
    lines = [f"{f'{n} {c.usage}':<{width}}  {c.meaning}" for n, c in _COMMANDS.items()]
    return _say("\n".join(lines), lambda: None)


def _drop(faults: Faults, words: _Words) -> Deed:
    account = words.account()

    async def deed() -> str:
        return f"Connections closed: {faults.drop(account)}."

    return deed


def _refuse(faults: Faults, words: _Words) -> Deed:
    seconds = words.seconds("SECONDS")
    return _say(f"New connections are refused for {seconds:g} s.", partial(faults.refuse, seconds))


def _accept(faults: Faults, words: _Words) -> Deed:
    return _say("New connections are accepted.", faults.accept)


def _restart(faults: Faults, words: _Words) -> Deed:
    down = words.seconds("SECONDS") if words.left() else 0.0

    async def deed() -> str:
        await faults.restart(down)
        return "Restarted. Accounts, messages, auth keys and logins are kept."

    return deed


def _fail(faults: Faults, words: _Words) -> Deed:
    after = words.flag("after")
    method, code, name = words.word("METHOD"), words.whole("CODE"), words.word("NAME")
    times, account = words.times(), words.account()
    call = partial(faults.fail, method, code, name, times=times, account=account, after=after)
    done = ", though carried out" if after else ""
    return _say(f"The next {times} calls of {method} by {_whom(account)} answer {name}{done}.", call)


def _lose_answer(faults: Faults, words: _Words) -> Deed:
    method, times, account = words.word("METHOD"), words.times(), words.account()
    call = partial(faults.lose_answer, method, times=times, account=account)
    return _say(
        f"The next {times} calls of {method} by {_whom(account)} close the connection unanswered.", call
    )


def _delay(faults: Faults, words: _Words) -> Deed:
    seconds = words.seconds("SECONDS")
    method = words.word("METHOD") if words.left() else None
    account = words.account()
    call = partial(faults.delay, seconds, method, account=account)
    return _say(
        f"Answers to {method or 'all methods'} for {_whom(account)} are delayed by {seconds:g} s.", call
    )


def _withhold(faults: Faults, words: _Words) -> Deed:
    account = words.account()
    return _say(f"Updates for {_whom(account)} are withheld.", partial(faults.withhold, account))


def _release(faults: Faults, words: _Words) -> Deed:
    account = words.account()
    return _say(f"Updates for {_whom(account)} are sent again.", partial(faults.release, account))


def _switch(on: str, off: str, rule: Callable[[Faults, bool], None]) -> Callable[[Faults, _Words], Deed]:
    def build(faults: Faults, words: _Words) -> Deed:
        wanted = words.switch("on or off")
        return _say(on if wanted else off, lambda: rule(faults, wanted))

    return build


def _updates(what: str, rule: Callable[[Faults, int, int | None], None]) -> Callable[[Faults, _Words], Deed]:
    def build(faults: Faults, words: _Words) -> Deed:
        count, account = words.whole("COUNT"), words.account()
        return _say(
            f"The next {count} updates for {_whom(account)} {what}.", lambda: rule(faults, count, account)
        )

    return build


def _forget(faults: Faults, words: _Words) -> Deed:
    account = words.account()
    return _say(
        f"The random_ids of {_whom(account)} are forgotten.", partial(faults.forget_random_ids, account)
    )


def _slice(faults: Faults, words: _Words) -> Deed:
    text = words.word("COUNT or off")
    limit = None if text == "off" else words.whole("COUNT", text)
    return _say(
        f"Differences hold {'everything' if limit is None else f'at most {limit} updates'}.",
        lambda: faults.slice_differences(limit),
    )


def _clock(faults: Faults, words: _Words) -> Deed:
    ahead = words.ahead("SECONDS")
    side = "ahead" if ahead > 0 else "behind"
    where = f"{abs(ahead):g} s {side}" if ahead else "correct"
    return _say(f"The server's clock is {where}.", partial(faults.set_clock, ahead))


def _clear(faults: Faults, words: _Words) -> Deed:
    return _say("All faults are off.", faults.clear)


_COMMANDS = {
    "help": _Command("", "list all commands", _help),
    "drop": _Command("[ACCOUNT]", "close connections", _drop),
    "refuse": _Command("SECONDS", "refuse new connections for this time", _refuse),
    "accept": _Command("", "end refuse", _accept),
    "restart": _Command("[SECONDS]", "stop the server and start it again after this time", _restart),
    "fail": _Command(
        "METHOD CODE NAME [times=N] [account=ACCOUNT] [after]",
        "answer calls with an RPC error; with after, also carry them out",
        _fail,
    ),
    "lose-answer": _Command(
        "METHOD [times=N] [account=ACCOUNT]",
        "carry calls out, then close the connection without an answer",
        _lose_answer,
    ),
    "delay": _Command("SECONDS [METHOD] [account=ACCOUNT]", "delay answers; 0 ends it", _delay),
    "withhold": _Command("[ACCOUNT]", "hold updates back", _withhold),
    "release": _Command("[ACCOUNT]", "send the updates that were held back", _release),
    "reorder": _Command(
        "COUNT [ACCOUNT]",
        "send the next updates in reverse order",
        _updates("are sent in reverse order", Faults.reorder),
    ),
    "repeat": _Command(
        "COUNT [ACCOUNT]", "send the next updates twice", _updates("are sent twice", Faults.repeat)
    ),
    "lose": _Command(
        "COUNT [ACCOUNT]",
        "never send the next updates; a difference has them",
        _updates("are never sent", Faults.lose),
    ),
    "forget-random-ids": _Command("[ACCOUNT]", "forget used random_ids: repeated sends go out", _forget),
    "message-ids": _Command(
        "on|off",
        "put an updateMessageID into differences for each sent message",
        _switch(
            "Differences hold updateMessageID.",
            "Differences hold no updateMessageID.",
            Faults.tell_message_ids,
        ),
    ),
    "slice": _Command("COUNT|off", "limit the updates in one difference", _slice),
    "too-long": _Command(
        "on|off",
        "answer every getDifference with differenceTooLong",
        _switch(
            "Every difference is too long.", "Differences are answered as usual.", Faults.differences_too_long
        ),
    ),
    "clock": _Command("SECONDS", "set the server's clock ahead; negative: behind, 0: correct", _clock),
    "clear": _Command("", "switch all faults off", _clear),
}
