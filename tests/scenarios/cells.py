"""The cells of the radius table: every fault of the sandbox at every place where it can be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

from tests.scenarios.trials import Cell, End, Trial
from tgbot.sandbox.faults import Damage, DeadKey, Faults, Nonsense, Shape
from tgbot.sandbox.faults.nonsense import OF_STATES

SEND: Final = "messages.sendMessage"
DIFFERENCE: Final = "updates.getDifference"
CHANNEL_DIFFERENCE: Final = "updates.getChannelDifference"
#: How long a lasting fault lasts, in seconds: longer than others may wait.
LASTING: Final = 5.0
#: The longest flood wait that a handler waits for in a trial, and a longer one, in seconds.
THRESHOLD, LONGER = 2, 6

_ONCE: Final = frozenset({End.ONCE})
_TOLD: Final = frozenset({End.TOLD})

#: Causes a fault of the calls of a method; the last argument says whom it concerns.
CallCause: TypeAlias = Callable[[Faults, str, dict[str, Any]], object]
#: Causes another fault, for the account of the bot or the marked id of a channel.
Cause: TypeAlias = Callable[[Trial, int], object]


@dataclass(frozen=True)
class CallFault:
    """A fault of the calls of a method."""

    name: str
    cause: CallCause
    #: Whether Telegram refuses the call: what a handler wanted with it is kept for a retry by hand.
    refuses: bool = False
    #: Whether what comes cannot be read: a call without a random_id is not made again.
    broken: bool = False


def _fail(name: str, code: int, error: str, refuses: bool = False, **how: Any) -> CallFault:
    return CallFault(
        name, lambda faults, method, whom: faults.fail(method, code, error, **how, **whom), refuses
    )


def _refused(code: int) -> CallFault:
    if code == 48:
        return CallFault("bad_server_salt", lambda faults, method, whom: faults.bad_salt(method, **whom))
    return CallFault(f"bad_msg {code}", lambda faults, method, whom: faults.bad_msg(code, method, **whom))


def _garbled(name: str, damage: Damage) -> CallFault:
    return CallFault(
        name,
        lambda faults, method, whom: faults.garble_answers(method, damage, times=2, **whom),
        broken=True,
    )


#: Faults of the calls of any method.
CALLS: Final = (
    _fail("FLOOD_WAIT, short", 420, "FLOOD_WAIT_1", times=2),
    _fail("FLOOD_WAIT, long", 420, f"FLOOD_WAIT_{LONGER}"),
    _fail("500, short", 500, "INTERNAL", times=2),
    _fail("500, long", 500, "INTERNAL", seconds=LASTING),
    _fail("500, although carried out", 500, "INTERNAL", times=2, after=True),
    _fail("-503", -503, "Timeout", times=3),
    _fail("400, unknown name", 400, "NONSENSE_OF_TODAY", True),
    _fail("403, unknown name", 403, "NONSENSE_FORBIDDEN", True),
    _garbled("unknown constructor", Damage.UNKNOWN),
    _garbled("cut object", Damage.CUT),
    _garbled("wrong type", Damage.WRONG),
    CallFault("bomb", lambda faults, method, whom: faults.bomb(method, 32, **whom), broken=True),
    CallFault("never answered", lambda faults, method, whom: faults.silence(method, **whom)),
    CallFault(
        "carried out, never answered",
        lambda faults, method, whom: faults.silence(method, after=True, **whom),
    ),
    CallFault("answer lost", lambda faults, method, whom: faults.lose_answer(method, **whom)),
    *map(_refused, (16, 17, 20, 32, 33, 48, 64)),
)
#: Faults of the calls of the two differences.
TIMESTAMPS: Final = tuple(
    _fail(f"PERSISTENT_TIMESTAMP_{kind}", code, f"PERSISTENT_TIMESTAMP_{kind}", seconds=LASTING)
    for kind, code in (("OUTDATED", 500), ("INVALID", 400), ("EMPTY", 400))
)


def _cells() -> Iterator[Cell]:
    yield from _login_cells()
    yield from _call_cells()
    yield from _update_cells()
    yield from _link_cells()


# ---- login -----------------------------------------------------------------------------------------


#: The calls of a first login, and those of a start with a login that is valid.
FIRST: Final = ("users.getUsers", "auth.importBotAuthorization", "updates.getState", DIFFERENCE)
LATER: Final = ("users.getUsers", DIFFERENCE)


def _login_cells() -> Iterator[Cell]:
    for fault in CALLS:
        for method in FIRST:
            yield Cell(f"{method} (first start)", fault.name, partial(_first_start, method, fault))
        for method in LATER:
            yield Cell(f"{method} (later start)", fault.name, partial(_later_start, method, fault))
        yield Cell("auth.importBotAuthorization (again)", fault.name, partial(_login_again, fault))


async def _first_start(method: str, fault: CallFault, trial: Trial) -> None:
    """Nobody can be answered before the login; the first one after it is."""
    person = trial.station.meet()
    fault.cause(trial.faults, method, {})
    async with trial.serving() as bot:
        await trial.hit(method, 0)
        await trial.touched(bot, trial.say(person))


async def _later_start(method: str, fault: CallFault, trial: Trial) -> None:
    """What came while the bot was stopped is answered, however the start fares."""
    person = trial.station.meet()
    async with trial.serving():
        await trial.before(person)
    fault.cause(trial.faults, method, {})
    before, text = trial.calls[method], trial.say(person)
    async with trial.serving() as bot:
        await trial.hit(method, before)
        await trial.touched(bot, text)


async def _login_again(fault: CallFault, trial: Trial) -> None:
    """Telegram ends the login; the next one meets the fault, and what comes meanwhile is answered."""
    station, method = trial.station, "auth.importBotAuthorization"
    person, other = station.meet(), station.meet()
    async with trial.serving() as bot:
        await trial.before(person, other)
        before = trial.calls[method]
        fault.cause(trial.faults, method, {})
        station.world.end_sessions(station.account.id)
        text = trial.say(person)
        trial.faults.drop(station.account.id)
        await trial.hit(method, before)
        await trial.touched(bot, text)
        await trial.goes_on(other)


# ---- calls -----------------------------------------------------------------------------------------

#: What a person says so that the bot calls a method.
WORDS: Final = {
    SEND: "say",
    "messages.setTyping": "type",
    "contacts.resolveUsername": "find",
    "bots.setBotCommands": "list",
    "bots.setBotInfo": "describe",
}
#: Methods whose calls name the person.
_OF_PEER: Final = (SEND, "messages.setTyping")


def _call_cells() -> Iterator[Cell]:
    for method in WORDS:
        for fault in CALLS:
            ends = frozenset({End.BY_HAND}) if fault.refuses else _ONCE
            if fault.broken and method != SEND:
                ends = frozenset({End.ONCE, End.BY_HAND})  # a handler that does not look at it goes on
            yield Cell(method, fault.name, partial(_called, method, fault), ends)
    for fault in (*CALLS, *TIMESTAMPS):
        yield Cell(DIFFERENCE, fault.name, partial(_difference, fault))
        yield Cell(CHANNEL_DIFFERENCE, fault.name, partial(_channel_difference, fault))


async def _called(method: str, fault: CallFault, trial: Trial) -> None:
    """A handler's call meets the fault, in one person's dialog."""
    station = trial.station
    person, *others = (station.meet() for _ in range(4))
    async with trial.serving() as bot:
        bot.client.flood_sleep_threshold = THRESHOLD
        await trial.before(person, *others)
        whom = {"account": station.account.id}
        if method in _OF_PEER:
            whom["peer"] = person
        fault.cause(trial.faults, method, whom)
        before = trial.calls[method]
        text = trial.say(person, WORDS[method])
        await trial.hit(method, before)
        for other in others:
            await trial.others(other)
            await asyncio.sleep(0.5)
        await trial.touched(bot, text)
        await trial.goes_on(person)


async def _difference(fault: CallFault, trial: Trial) -> None:
    """One person's message is not pushed, and the difference that has it meets the fault."""
    station = trial.station
    person, *others = (station.meet() for _ in range(4))
    async with trial.serving() as bot:
        await trial.before(person, *others)
        fault.cause(trial.faults, DIFFERENCE, {"account": station.account.id})
        before = trial.calls[DIFFERENCE]
        trial.faults.lose(1, station.account.id)
        text = trial.say(person)
        for other in others:
            await trial.others(other)
            await asyncio.sleep(0.5)
        await trial.hit(DIFFERENCE, before)
        await trial.touched(bot, text)
        await trial.goes_on(person)


async def _channel_difference(fault: CallFault, trial: Trial) -> None:
    """One message of a supergroup is not pushed, and the difference that has it meets the fault."""
    station = trial.station
    person, other, third = (station.meet() for _ in range(3))
    group, another = station.gather(person), station.gather(other)
    async with trial.serving() as bot:
        await trial.before(person, other)
        await trial.before(person, chat=group)
        await trial.before(other, chat=another)
        fault.cause(trial.faults, CHANNEL_DIFFERENCE, {"peer": group.marked})
        before = trial.calls[CHANNEL_DIFFERENCE]
        trial.faults.lose(1, station.account.id)
        texts = [trial.say(person, chat=group)]
        await asyncio.sleep(0.1)
        texts.append(trial.say(person, chat=group))
        await trial.hit(CHANNEL_DIFFERENCE, before)
        await trial.others(other, third)
        await trial.others(other, chat=another)
        await trial.touched(bot, *texts)
        await trial.goes_on(person, chat=group)


# ---- pushed updates, logs, differences -------------------------------------------------------------


def _update_cells() -> Iterator[Cell]:
    def push(name: str, cause: Cause, ends: frozenset[End] = _ONCE) -> Cell:
        return Cell("pushed updates", name, partial(_pushed, cause), ends)

    for damage in Damage:
        yield push(f"one {damage.value}", _garbled_pushes(1, damage))
        yield push(f"twenty {damage.value}", _garbled_pushes(20, damage))
    yield push("lost", lambda t, bot: t.faults.lose(1, bot))
    yield push("repeated", lambda t, bot: t.faults.repeat(20, bot))
    yield push("in reverse order", lambda t, bot: t.faults.reorder(2, bot))
    for kind in Nonsense:
        yield push(f"nonsense {kind.value}", _nonsense(kind))
    for damage in Damage:
        yield Cell("account's log", damage.value, partial(_unreadable, damage), _TOLD)
        yield Cell("channel's log", damage.value, partial(_unreadable_in_channel, damage), _TOLD)

    def late(name: str, cause: Cause, ends: frozenset[End] = _ONCE) -> Iterator[Cell]:
        yield Cell("account's differences", name, partial(_account_differs, cause), ends)
        yield Cell("channel's differences", name, partial(_channel_differs, cause), ends)

    yield from late("do not advance", lambda t, peer: t.faults.stick_differences(True, peer))
    yield from late("empty", lambda t, peer: t.faults.empty_differences(True, peer))
    yield from late("lag by 3 s", lambda t, peer: t.faults.lag_differences(3.0, peer))
    for kind in OF_STATES:
        yield from late(f"state {kind.value}", _distorted(kind))
    yield from late("one update each", lambda t, peer: t.faults.slice_differences(1))
    too_long = partial(_account_differs, lambda t, peer: t.faults.differences_too_long(True))
    yield Cell("account's differences", "too long", too_long, _ONCE)


def _garbled_pushes(count: int, damage: Damage) -> Cause:
    return lambda trial, bot: trial.faults.garble(count, bot, damage=damage)


def _nonsense(kind: Nonsense) -> Cause:
    return lambda trial, bot: trial.faults.hand_nonsense(bot, kind)


def _distorted(kind: Nonsense) -> Cause:
    return lambda trial, peer: trial.faults.distort_states(kind, peer)


async def _pushed(cause: Cause, trial: Trial) -> None:
    """One person's message is pushed with the fault, and those of others after it."""
    station = trial.station
    person, *others = (station.meet() for _ in range(4))
    async with trial.serving() as bot:
        await trial.before(person, *others)
        cause(trial, station.account.id)
        text = trial.say(person)
        for other in others:
            await trial.others(other)
        await trial.touched(bot, text)
        await trial.goes_on(person)
    await trial.starts_again(person)


async def _unreadable(damage: Damage, trial: Trial) -> None:
    """One person's message cannot be read, neither pushed nor in any difference."""
    station = trial.station
    person, *others = (station.meet() for _ in range(4))
    async with trial.serving() as bot:
        await trial.before(person, *others)
        trial.faults.garble_log(station.account.id, damage=damage)
        text = trial.say(person)
        for other in others:
            await trial.others(other)
        await trial.touched(bot, text)
        await trial.goes_on(person)
    # A start must not stumble over it, either.
    async with trial.serving():
        await trial.goes_on(others[0])


async def _unreadable_in_channel(damage: Damage, trial: Trial) -> None:
    station = trial.station
    person, other = station.meet(), station.meet()
    group = station.gather(person)
    async with trial.serving() as bot:
        await trial.before(person, other)
        await trial.before(person, chat=group)
        trial.faults.garble_log(group.marked, damage=damage)
        text = trial.say(person, chat=group)
        await trial.others(other)
        await trial.others(person)
        after = trial.say(person, chat=group)
        await trial.touched(bot, text)
        if not await station.until(lambda: station.answers(after), 10.0):
            trial.wrong("the group does not go on")
    async with trial.serving():
        await trial.goes_on(other)
        await trial.goes_on(person, chat=group)


async def _account_differs(cause: Cause, trial: Trial) -> None:
    """One person's message is not pushed, and differences are wrong for a while."""
    station = trial.station
    person, *others = (station.meet() for _ in range(4))
    async with trial.serving() as bot:
        await trial.before(person, *others)
        cause(trial, station.account.id)
        trial.faults.lose(1, station.account.id)
        text = trial.say(person)
        for other in others:
            await trial.others(other)
            await asyncio.sleep(LASTING / len(others))
        trial.faults.clear()
        await trial.touched(bot, text)
        await trial.goes_on(person)
    await trial.starts_again(person)


async def _channel_differs(cause: Cause, trial: Trial) -> None:
    station = trial.station
    person, other, third = (station.meet() for _ in range(3))
    group = station.gather(person)
    async with trial.serving() as bot:
        await trial.before(person, other)
        await trial.before(person, chat=group)
        cause(trial, group.marked)
        trial.faults.lose(1, station.account.id)
        texts = [trial.say(person, chat=group)]
        await asyncio.sleep(0.1)
        texts.append(trial.say(person, chat=group))
        for one in (other, third):
            await trial.others(one)
            await asyncio.sleep(LASTING / 2)
        trial.faults.clear()
        await trial.touched(bot, *texts)
        await trial.goes_on(person, chat=group)
    await trial.starts_again(person)


# ---- links and keys --------------------------------------------------------------------------------


def _link_cells() -> Iterator[Cell]:
    def link(name: str, cause: Cause) -> Iterator[Cell]:
        yield Cell("link", name, partial(_linked, cause))
        yield Cell("link at a start", name, partial(_linked_at_a_start, cause))

    for answer in DeadKey:
        yield from link(f"dead key {answer.value}", _killed(answer))
    for code in (-404, -429, -444):
        for shape in Shape:
            yield from link(
                f"transport error {code} {shape.value}",
                _transport_error(code, shape),
            )
    yield from link("dropped", lambda t, bot: t.faults.drop(bot))
    yield from link("refused for 2 s", _refused_for_a_while)
    yield from link("clock 3 h ahead", lambda t, bot: t.faults.set_clock(3 * 3600))
    yield from link("clock 3 h behind", lambda t, bot: t.faults.set_clock(-3 * 3600))
    yield from link("login ended", lambda t, bot: t.station.world.end_sessions(bot))
    yield from link("moved to another data centre", _moved)


def _killed(answer: DeadKey) -> Cause:
    return lambda trial, bot: trial.faults.kill_keys(bot, answer)


def _transport_error(code: int, shape: Shape) -> Cause:
    return lambda trial, bot: trial.faults.transport_error(code, account=bot, shape=shape)


def _refused_for_a_while(trial: Trial, bot: int) -> None:
    trial.faults.refuse(2.0)
    trial.faults.drop(bot)


async def _moved(trial: Trial, bot: int) -> None:
    await trial.faults.open_dc(4)
    trial.faults.move(bot, 4)
    trial.faults.drop(bot)


async def _linked(cause: Cause, trial: Trial) -> None:
    """The link is everybody's: all are answered in the end, also those who wrote meanwhile."""
    station = trial.station
    person, other = station.meet(), station.meet()
    async with trial.serving() as bot:
        await trial.before(person, other)
        await _caused(cause(trial, station.account.id))
        texts = [trial.say(person), trial.say(other)]
        await trial.touched(bot, *texts)
        await trial.goes_on(person)


async def _linked_at_a_start(cause: Cause, trial: Trial) -> None:
    station = trial.station
    person, other = station.meet(), station.meet()
    async with trial.serving():
        await trial.before(person, other)
    await _caused(cause(trial, station.account.id))
    texts = [trial.say(person), trial.say(other)]
    async with trial.serving() as bot:
        await trial.touched(bot, *texts)
        await trial.goes_on(person)


async def _caused(deed: object) -> None:
    if isinstance(deed, Awaitable):
        await deed


CELLS: Final = tuple(_cells())
