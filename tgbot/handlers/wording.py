"""What the bot's own sentences are filled with: strangers' names made harmless, times in words."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

from tgbot.core.users import User
from tgbot.locales.texts import Texts

#: Longer words are cut: a name has at most 64 characters, what somebody typed may have 4096.
LONGEST = 64

#: Joins emoji to one picture and chooses their look; without a meaning for the line.
_JOINERS = "\u200d\ufe0f"

#: The ways of becoming known that there are words for.
_WAYS = frozenset(
    {
        *("message", "username", "id", "join_request", "login", "difference", "group"),
        *("update", "answer", "import"),
    }
)


def language_of(user: User | None) -> str | None:
    """The language to speak to them: their choice, else the last one known; None leaves it to the texts."""
    return None if user is None else user.chosen_language or user.language


def shown(words: str | None) -> str:
    """The words on one line, without control and direction characters, cut at 64 characters."""
    if not words:
        return ""
    words = words.strip() if words.isprintable() else " ".join("".join(map(_kept, words)).split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def _kept(char: str) -> str:
    if char.isprintable() or char in _JOINERS:
        return char
    return "" if unicodedata.category(char) in ("Cf", "Cs", "Co", "Cn") else " "


def ago(texts: Texts, language: str | None, seconds: float) -> str:
    """An age in words, in its largest whole unit."""
    minutes = int(seconds) // 60
    if minutes < 1:
        return texts.render(language, "ago-now")
    if minutes < 60:
        return texts.render(language, "ago-minutes", n=minutes)
    if minutes < 60 * 24:
        return texts.render(language, "ago-hours", n=minutes // 60)
    return texts.render(language, "ago-days", n=minutes // (60 * 24))


def clock_time(at: int) -> str:
    """A server time as a date."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def moment(texts: Texts, language: str | None, at: int, now: float) -> str:
    """A time in words and as a date."""
    return texts.render(language, "moment", ago=ago(texts, language, now - at), date=clock_time(at))


def ways(texts: Texts, language: str | None, user: User) -> str:
    """How the user became known, each way with its first date, in the order in which it was."""
    told = []
    for way, at in sorted(user.known_by.items(), key=lambda one: one[1]):
        name = texts.render(language, f"known-{way.replace('_', '-')}" if way in _WAYS else "known-otherwise")
        told.append(texts.render(language, "known", way=name, date=clock_time(at)))
    return "; ".join(told)


def reason(detail: str) -> str:
    """How the name of a text ends that says why write access was given; the detail may be a domain."""
    if not detail:
        return ""
    return f"-{detail}" if detail in ("app", "attach", "request") else "-domain"
