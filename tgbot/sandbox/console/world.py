"""Typed commands about the world: Telegram's limits, how much a log holds, many people at once."""

from __future__ import annotations

from functools import partial

from ..faults import Faults
from ..feeds import UpdatesTo
from ..short import ShortUpdates
from .command import Command, Deed, count, say
from .words import FaultError, Words

#: The most people that one command adds: the server does nothing else meanwhile.
MOST_PEOPLE = 1_000_000


def _limits(faults: Faults, words: Words) -> Deed:
    text = words.word("real or off").lower()
    if text not in ("real", "off"):
        raise FaultError(f"LIMITS must be real or off, not {text!r}.")
    limits, real = words.world.limits, text == "real"
    said = "Bots have to keep Telegram's limits." if real else "Bots send as fast as they can."
    return say(said, partial(setattr, limits, "real", real))


def _box(faults: Faults, words: Words) -> Deed:
    text = words.word("COUNT or off")
    size = None if text == "off" else words.whole("COUNT", text)
    said = "Logs hold all events." if size is None else f"Logs hold the last {size} events."
    return say(said, partial(setattr, words.world.limits, "box", size))


def _short(faults: Faults, words: Words) -> Deed:
    whose = words.choice("WHOSE", ShortUpdates)
    said = f"Short forms of updates are sent to: {whose}."
    return say(said, partial(setattr, words.world, "short_updates", whose))


def _updates_to(faults: Faults, words: Words) -> Deed:
    which = words.choice("SESSIONS", UpdatesTo)
    said = {
        UpdatesTo.ALL: "An update goes to all sessions of a bot.",
        UpdatesTo.LAST: "An update goes to the session of a bot that made the last call.",
        UpdatesTo.RANDOM: "An update goes to any one session of a bot.",
    }
    return say(said[which], partial(setattr, words.world, "updates_to", which))


def _crowd(faults: Faults, words: Words) -> Deed:
    number, silent = words.whole("COUNT"), words.flag("silent")
    bot = words.one_account()
    if number > MOST_PEOPLE:
        raise FaultError(f"COUNT must be at most {MOST_PEOPLE}, not {number}.")
    if not words.world.accounts[bot].is_bot:
        raise FaultError(f"Account {bot} is no bot.")
    text = None if silent else "/start"
    return count("People who have started the bot: {}.", lambda: len(words.world.crowd(bot, number, text)))


COMMANDS = {
    "limits": Command("real|off", "have bots keep Telegram's pace and delete young messages only", _limits),
    "box": Command("COUNT|off", "keep the last events of a log; older ones are differenceTooLong", _box),
    "short": Command(
        "off|users|all", "send updates in short forms to nobody, to users, or to bots too", _short
    ),
    "updates-to": Command(
        "all|last|random", "push an update to which of a bot's sessions; a difference has it", _updates_to
    ),
    "crowd": Command("COUNT BOT [silent]", "add people who start a bot; silent: long ago", _crowd),
}
