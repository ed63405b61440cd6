"""Typed commands about pushed updates and differences."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..faults import Faults, Nonsense
from ..faults.nonsense import OF_STATES
from .command import Build, Command, Deed, count, of_what, say, switch, whom
from .words import FaultError, Words


def _withhold(faults: Faults, words: Words) -> Deed:
    account = words.account()
    return say(f"Updates for {whom(account)} are withheld.", partial(faults.withhold, account))


def _deafen(faults: Faults, words: Words) -> Deed:
    return count("Sessions that get no updates now: {}.", partial(faults.deafen, words.account()))


def _release(faults: Faults, words: Words) -> Deed:
    account = words.account()
    return say(f"Updates for {whom(account)} are sent again.", partial(faults.release, account))


def _updates(what: str, rule: Callable[[Faults, int, int | None], None]) -> Build:
    def build(faults: Faults, words: Words) -> Deed:
        number, account = words.whole("COUNT"), words.account()
        return say(
            f"Updates for {whom(account)} {what}: the next {number}.", lambda: rule(faults, number, account)
        )

    return build


def _garble(faults: Faults, words: Words) -> Deed:
    damage = words.damage()
    number, account = words.whole("COUNT"), words.account()
    return say(
        f"Updates for {whom(account)} cannot be read: the next {number}.",
        partial(faults.garble, number, account, damage=damage),
    )


def _nonsense(faults: Faults, words: Words) -> Deed:
    kind = words.choice("KIND", Nonsense)
    return count(
        "Sessions that got the update: {}.", partial(faults.hand_nonsense, words.one_account(), kind)
    )


def _expire(faults: Faults, words: Words) -> Deed:
    return say("All file references have expired.", faults.expire_references)


def _forget(faults: Faults, words: Words) -> Deed:
    account = words.account()
    return say(
        f"The random_ids of {whom(account)} are forgotten.", partial(faults.forget_random_ids, account)
    )


def _slice(faults: Faults, words: Words) -> Deed:
    text = words.word("COUNT or off")
    limit = None if text == "off" else words.whole("COUNT", text)
    return say(
        f"Updates in a difference: {'all' if limit is None else f'at most {limit}'}.",
        lambda: faults.slice_differences(limit),
    )


def _differences(on: str, rule: Callable[[Faults, bool, int | None], None]) -> Build:
    def build(faults: Faults, words: Words) -> Deed:
        wanted = words.switch()
        peer = words.peer()
        how = on if wanted else "are answered as usual"
        return say(f"Differences of {of_what(peer)} {how}.", lambda: rule(faults, wanted, peer))

    return build


def _distort(faults: Faults, words: Words) -> Deed:
    kind = None if words.flag("off") else words.choice("KIND", Nonsense)
    if kind is not None and kind not in OF_STATES:
        raise FaultError(f"A state has no pts_count, so it cannot be {kind.value}.")
    peer = words.peer()
    how = "tell the true state" if kind is None else f"tell a state that is {kind.value}"
    return say(f"Differences of {of_what(peer)} {how}.", partial(faults.distort_states, kind, peer))


def _lag(faults: Faults, words: Words) -> Deed:
    seconds, peer = words.seconds("SECONDS"), words.peer()
    return say(
        f"Differences of {of_what(peer)} lag by {seconds:g} s.",
        partial(faults.lag_differences, seconds, peer),
    )


def _garble_log(faults: Faults, words: Words) -> Deed:
    damage, qts, first = words.damage(), words.flag("qts"), words.named("first")
    number, peer = words.whole("COUNT"), words.one_peer()
    where = "from the next" if first is None else f"from {first}"
    return say(
        f"In the log of {of_what(peer)}, {number} {'qts' if qts else 'pts'} {where} on cannot be read.",
        partial(faults.garble_log, peer, number, first=first, qts=qts, damage=damage),
    )


def _mend_log(faults: Faults, words: Words) -> Deed:
    peer = words.peer()
    return say(f"The log of {of_what(peer)} can be read.", partial(faults.mend_log, peer))


COMMANDS = {
    "withhold": Command("[ACCOUNT]", "hold updates back", _withhold),
    "deafen": Command("[ACCOUNT]", "hold updates back on the connected sessions only", _deafen),
    "release": Command("[ACCOUNT]", "send the updates that were held back", _release),
    "reorder": Command(
        "COUNT [ACCOUNT]",
        "send the next updates in reverse order",
        _updates("are sent in reverse order", Faults.reorder),
    ),
    "repeat": Command(
        "COUNT [ACCOUNT]", "send the next updates twice", _updates("are sent twice", Faults.repeat)
    ),
    "lose": Command(
        "COUNT [ACCOUNT]",
        "never send the next updates; a difference has them",
        _updates("are never sent", Faults.lose),
    ),
    "garble": Command(
        "COUNT [ACCOUNT] [cut|wrong]",
        "send the next updates with an unknown constructor, cut off in the middle, or of a wrong type",
        _garble,
    ),
    "garble-log": Command(
        "COUNT PEER [first=PTS] [qts] [cut|wrong]",
        "make entries of a log unreadable, pushed and in each difference",
        _garble_log,
    ),
    "mend-log": Command("[PEER]", "end garble-log", _mend_log),
    "nonsense": Command(
        "KIND ACCOUNT",
        f"send an update with a wrong number: {', '.join(kind.value for kind in Nonsense)}",
        _nonsense,
    ),
    "share": Command(
        "on|off",
        "send each update to only one of several sessions of an auth key",
        switch(
            "Each update goes to one session of an auth key.",
            "Each update goes to all sessions.",
            Faults.share,
        ),
    ),
    "expire-references": Command("", "have all file references expire", _expire),
    "forget-random-ids": Command("[ACCOUNT]", "forget used random_ids: repeated sends go out", _forget),
    "message-ids": Command(
        "on|off",
        "put an updateMessageID into differences for each sent message",
        switch(
            "Differences hold updateMessageID.",
            "Differences hold no updateMessageID.",
            Faults.tell_message_ids,
        ),
    ),
    "slice": Command("COUNT|off", "limit the updates in one difference", _slice),
    "too-long": Command(
        "on|off",
        "answer every getDifference with differenceTooLong",
        switch(
            "Every difference is too long.", "Differences are answered as usual.", Faults.differences_too_long
        ),
    ),
    "stick": Command(
        "on|off [PEER]",
        "answer the same slice and state to each getDifference",
        _differences("do not advance", Faults.stick_differences),
    ),
    "empty": Command(
        "on|off [PEER]",
        "answer differences as if there were nothing new",
        _differences("are empty", Faults.empty_differences),
    ),
    "distort": Command(
        "KIND|off [PEER]",
        "tell a state with a wrong number in getState and differences",
        _distort,
    ),
    "lag": Command("SECONDS [PEER]", "let differences lag behind pushed updates; 0 ends it", _lag),
}
