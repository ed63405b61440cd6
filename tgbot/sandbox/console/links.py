"""Typed commands about connections, auth keys and the clock."""

from __future__ import annotations

from functools import partial

from ..faults import DeadKey, Faults, Shape
from .command import Command, Deed, count, how_long, say, switch, whom
from .words import FaultError, Words


def _drop(faults: Faults, words: Words) -> Deed:
    return count("Connections closed: {}.", partial(faults.drop, words.account()))


def _refuse(faults: Faults, words: Words) -> Deed:
    seconds = words.seconds("SECONDS")
    return say(f"New connections are refused for {seconds:g} s.", partial(faults.refuse, seconds))


def _accept(faults: Faults, words: Words) -> Deed:
    return say("New connections are accepted.", faults.accept)


def _restart(faults: Faults, words: Words) -> Deed:
    down = words.seconds("SECONDS") if words.left() else 0.0

    async def deed() -> str:
        await faults.restart(down)
        return "Restarted. Accounts, messages, auth keys and logins are kept."

    return deed


def _clock(faults: Faults, words: Words) -> Deed:
    ahead = words.ahead("SECONDS")
    side = "ahead" if ahead > 0 else "behind"
    where = f"{abs(ahead):g} s {side}" if ahead else "correct"
    return say(f"The server's clock is {where}.", partial(faults.set_clock, ahead))


def _transport_error(faults: Faults, words: Words) -> Deed:
    now, close = words.flag("now"), not words.flag("open")
    shape = words.flagged(Shape, Shape.FRAMED)
    code = words.code("CODE")
    if now:
        account = words.account()
        call = partial(faults.send_transport_error, code, account=account, shape=shape, close=close)
        return count(f"Connections that got {code}: {{}}.", call)
    times, seconds = words.lasting()
    account = words.account()
    return say(
        f"Packets from {whom(account)} are answered with {code}: {how_long(times, seconds)}.",
        partial(
            faults.transport_error,
            code,
            times=times,
            seconds=seconds,
            account=account,
            shape=shape,
            close=close,
        ),
    )


def _kill_keys(faults: Faults, words: Words) -> Deed:
    answer = DeadKey.UNKNOWN if not words.left() else words.choice("ANSWER", DeadKey)
    account = words.account()
    return count("Dead auth keys: {}.", partial(faults.kill_keys, account, answer))


def _revive_keys(faults: Faults, words: Words) -> Deed:
    return say("All auth keys are valid again.", faults.revive_keys)


def _open_dc(faults: Faults, words: Words) -> Deed:
    own = words.flag("own-key")
    number = words.whole("NUMBER")

    async def deed() -> str:
        port = await faults.open_dc(number, own_key=own)
        return f"Data centre {number} listens on port {port}."

    return deed


def _move(faults: Faults, words: Words) -> Deed:
    number = words.whole("NUMBER")
    account = words.one_account()

    async def deed() -> str:
        try:
            faults.move(account, number)
        except ValueError as error:
            raise FaultError(f"{str(error).capitalize()}: open it with dc.") from None
        return f"The home of account {account} is data centre {number}."

    return deed


COMMANDS = {
    "drop": Command("[ACCOUNT]", "close connections", _drop),
    "refuse": Command("SECONDS", "refuse new connections for this time", _refuse),
    "accept": Command("", "end refuse", _accept),
    "restart": Command("[SECONDS]", "stop the server and start it again after this time", _restart),
    "clock": Command("SECONDS", "set the server's clock ahead; negative: behind, 0: correct", _clock),
    "transport-error": Command(
        "CODE [times=N] [seconds=S] [account=ACCOUNT] [bare|triple] [open] [now]",
        "answer packets with a transport error (or send it now) and close, or leave open",
        _transport_error,
    ),
    "kill-keys": Command(
        "[ANSWER [ACCOUNT]]",
        "make the auth keys of now dead: 404, AUTH_KEY_UNREGISTERED, AUTH_KEY_DUPLICATED …",
        _kill_keys,
    ),
    "revive-keys": Command("", "end kill-keys", _revive_keys),
    "single-session": Command(
        "on|off",
        "end both sessions with AUTH_KEY_DUPLICATED if a key has a second one",
        switch(
            "A second session on an auth key ends both.",
            "An auth key may have several sessions.",
            Faults.end_second_sessions,
        ),
    ),
    "dc": Command("NUMBER [own-key]", "listen as a further data centre", _open_dc),
    "move": Command("NUMBER ACCOUNT", "make a data centre the home of an account", _move),
}
