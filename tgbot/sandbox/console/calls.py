"""Typed commands about calls and their answers."""

from __future__ import annotations

from functools import partial

from ..faults import Faults, Timestamp
from ..faults.calls import MAX_MEGABYTES
from .command import Command, Deed, how_long, of_what, say, whom
from .words import FaultError, Words


def _fail(faults: Faults, words: Words) -> Deed:
    after = words.flag("after")
    method, code, name = words.word("METHOD"), words.code("CODE"), words.word("NAME")
    (times, seconds), account = words.lasting(), words.account()
    call = partial(
        faults.fail, method, code, name, times=times, seconds=seconds, account=account, after=after
    )
    done = ", though carried out" if after else ""
    return say(f"Calls of {method} by {whom(account)} answer {name}{done}: {how_long(times, seconds)}.", call)


def _timestamp(faults: Faults, words: Words) -> Deed:
    kind = words.choice("KIND", Timestamp)
    (times, seconds), peer = words.lasting(), words.peer()
    return say(
        f"Differences of {of_what(peer)} answer PERSISTENT_TIMESTAMP_{kind.name}:"
        f" {how_long(times, seconds)}.",
        partial(faults.timestamp, kind, peer, times=times, seconds=seconds),
    )


def _lose_answer(faults: Faults, words: Words) -> Deed:
    method, times, account = words.word("METHOD"), words.times(), words.account()
    call = partial(faults.lose_answer, method, times=times, account=account)
    return say(
        f"Calls of {method} by {whom(account)} close the connection unanswered: the next {times}.", call
    )


def _silence(faults: Faults, words: Words) -> Deed:
    after = words.flag("after")
    method, (times, seconds), account = words.word("METHOD"), words.lasting(), words.account()
    return say(
        f"Calls of {method} by {whom(account)} are never answered: {how_long(times, seconds)}.",
        partial(faults.silence, method, times=times, seconds=seconds, account=account, after=after),
    )


def _delay(faults: Faults, words: Words) -> Deed:
    seconds = words.seconds("SECONDS")
    method = words.word("METHOD") if words.left() else None
    account = words.account()
    call = partial(faults.delay, seconds, method, account=account)
    return say(
        f"Answers to {method or 'all methods'} for {whom(account)} are delayed by {seconds:g} s.", call
    )


def _garble_answers(faults: Faults, words: Words) -> Deed:
    damage = words.damage()
    method, (times, seconds), account = words.word("METHOD"), words.lasting(), words.account()
    return say(
        f"Answers to {method} for {whom(account)} cannot be read: {how_long(times, seconds)}.",
        partial(faults.garble_answers, method, damage, times=times, seconds=seconds, account=account),
    )


def _bomb(faults: Faults, words: Words) -> Deed:
    method, megabytes = words.word("METHOD"), words.whole("MEGABYTES")
    if megabytes > MAX_MEGABYTES:
        raise FaultError(f"MEGABYTES must be at most {MAX_MEGABYTES}, not {megabytes}.")
    times, account = words.times(), words.account()
    return say(
        f"Answers to {method} for {whom(account)} unpack to {megabytes} MB: the next {times}.",
        partial(faults.bomb, method, megabytes, times=times, account=account),
    )


def _bad_msg(faults: Faults, words: Words) -> Deed:
    code, times = words.whole("CODE"), words.times()
    method = words.word("METHOD") if words.left() else None
    account = words.account()
    return say(
        f"Calls of {method or 'any method'} by {whom(account)} are refused with {code}: the next {times}.",
        partial(faults.bad_msg, code, method, times=times, account=account),
    )


def _bad_salt(faults: Faults, words: Words) -> Deed:
    times = words.times()
    method = words.word("METHOD") if words.left() else None
    account = words.account()
    return say(
        f"Calls of {method or 'any method'} by {whom(account)} get bad_server_salt: the next {times}.",
        partial(faults.bad_salt, method, times=times, account=account),
    )


def _lift(faults: Faults, words: Words) -> Deed:
    method = words.word("METHOD") if words.left() else None
    account = words.account()
    return say(
        f"Calls of {method or 'all methods'} by {whom(account)} are answered as usual.",
        partial(faults.lift, method, account=account),
    )


COMMANDS = {
    "fail": Command(
        "METHOD CODE NAME [times=N] [seconds=S] [account=ACCOUNT] [after]",
        "answer calls with an RPC error; with after, also carry them out",
        _fail,
    ),
    "timestamp": Command(
        "outdated|invalid|empty [PEER] [times=N] [seconds=S]",
        "answer differences of an account or a channel with PERSISTENT_TIMESTAMP_…",
        _timestamp,
    ),
    "lose-answer": Command(
        "METHOD [times=N] [account=ACCOUNT]",
        "carry calls out, then close the connection without an answer",
        _lose_answer,
    ),
    "silence": Command(
        "METHOD [times=N] [seconds=S] [account=ACCOUNT] [after]",
        "never answer calls; with after, carry them out",
        _silence,
    ),
    "delay": Command("SECONDS [METHOD] [account=ACCOUNT]", "delay answers; 0 ends it", _delay),
    "garble-answers": Command(
        "METHOD [times=N] [seconds=S] [account=ACCOUNT] [cut|wrong]",
        "send answers with an unknown constructor, cut off in the middle, or of a wrong type",
        _garble_answers,
    ),
    "bomb": Command(
        "METHOD MEGABYTES [times=N] [account=ACCOUNT]",
        "send small answers that unpack to this many MB",
        _bomb,
    ),
    "bad-msg": Command(
        "CODE [METHOD] [times=N] [account=ACCOUNT]", "refuse calls with bad_msg_notification", _bad_msg
    ),
    "bad-salt": Command(
        "[METHOD] [times=N] [account=ACCOUNT]", "refuse calls with bad_server_salt", _bad_salt
    ),
    "lift": Command(
        "[METHOD] [account=ACCOUNT]", "end the faults of calls; seconds=inf lasts until then", _lift
    ),
}
