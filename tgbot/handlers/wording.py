"""Parts of the bot's own sentences: the language to speak, times in words, how a user became known."""

from __future__ import annotations

from datetime import UTC, datetime

from tgbot.core.users import User, Way
from tgbot.locales.texts import Texts


def language_of(user: User | None) -> str | None:
    """Return the language to speak to a user: their choice, else the last one known.

    None leaves it to the texts.
    """
    return None if user is None else user.spoken


def dashed(*words: str) -> str:
    """Return the name of a text made of these words, some of which are names of states; "" is left out."""
    return "-".join(word.replace("_", "-") for word in words if word)


def ago(texts: Texts, language: str | None, seconds: float) -> str:
    """Return an age in words, in its largest whole unit."""
    minutes = int(seconds) // 60
    if minutes < 1:
        return texts.render(language, "ago-now")
    if minutes < 60:
        return texts.render(language, "ago-minutes", n=minutes)
    if minutes < 60 * 24:
        return texts.render(language, "ago-hours", n=minutes // 60)
    return texts.render(language, "ago-days", n=minutes // (60 * 24))


def clock_time(at: int) -> str:
    """Return a time in unix seconds as a date in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def moment(texts: Texts, language: str | None, at: int, now: float) -> str:
    """Return a time in words and as a date."""
    return texts.render(language, "moment", ago=ago(texts, language, now - at), date=clock_time(at))


def ways(texts: Texts, language: str | None, user: User) -> str:
    """Return how the user became known: each way with its first date, the earliest first."""
    found = []
    for way, at in sorted(user.known_by.items(), key=lambda one: one[1]):
        name = texts.render(language, dashed("known", "otherwise" if way is Way.OTHER else way))
        found.append(texts.render(language, "known", way=name, date=clock_time(at)))
    return "; ".join(found)
