"""Words for users: the texts in one language, and sentences made of several of them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from tgbot.core.names import clean_name
from tgbot.core.users import User, Way
from tgbot.locales.texts import Spoken, Texts


class Words(Spoken):
    """The texts in one language, with the sentences that handlers make of several of them."""

    @classmethod
    def to(cls, texts: Texts, user: User | None) -> Words:
        """Return the texts in the language to write to a user in."""
        return cls(texts, None if user is None else user.spoken)

    def greeting(self, text: str, first_name: str, **args: str) -> str:
        """Return a text with a stranger's name in it; the text `…-nameless` if nothing of that is visible."""
        name = clean_name(first_name)
        return self(text if name else text + "-nameless", name=name, **args)

    def usernames(self, names: Iterable[str]) -> str:
        """Return a line with the usernames of a peer."""
        shown = " ".join(f"@{clean_name(name)}" for name in names)
        return self("peer-usernames", names=shown) if shown else self("peer-no-usernames")

    def ago(self, seconds: float) -> str:
        """Return an age in words, in its largest whole unit."""
        minutes = int(seconds) // 60
        if minutes < 1:
            return self("ago-now")
        if minutes < 60:
            return self("ago-minutes", n=minutes)
        if minutes < 60 * 24:
            return self("ago-hours", n=minutes // 60)
        return self("ago-days", n=minutes // (60 * 24))

    def duration(self, seconds: float) -> str:
        """Return how long something takes in words, in its two largest units."""
        minutes = round(seconds / 60)
        if minutes < 1:
            return self("duration-seconds", n=max(1, round(seconds)))
        if minutes < 60:
            return self("duration-minutes", n=minutes)
        hours = minutes // 60
        if hours < 24:
            return self("duration-hours", n=hours, minutes=minutes % 60)
        return self("duration-days", n=hours // 24, hours=hours % 24)

    def moment(self, at: int, now: float) -> str:
        """Return a time in words and as a date."""
        return self("moment", ago=self.ago(now - at), date=clock_time(at))

    def ways(self, user: User) -> str:
        """Return how the user became known: each way with its first date, the earliest first."""
        found = []
        for way, at in sorted(user.known_by.items(), key=lambda one: one[1]):
            name = self(dashed("known", "otherwise" if way is Way.OTHER else way))
            found.append(self("known", way=name, date=clock_time(at)))
        return "; ".join(found)


def dashed(*words: str) -> str:
    """Return the name of a text made of these words, some of which are names of states; "" is left out."""
    return "-".join(word.replace("_", "-") for word in words if word)


def clock_time(at: int) -> str:
    """Return a time in unix seconds as a date in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
