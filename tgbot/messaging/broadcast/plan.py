"""What a broadcast would do: who gets it, who does not and why, how long it takes, and what it costs."""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from tgbot.core.access import Access
from tgbot.core.broadcasts import Broadcast
from tgbot.core.users import Counts
from tgbot.messaging.broadcast.content import Languages
from tgbot.store.base import Survey

#: How many messages a second Telegram delivers for nothing, and how many paid ones cost a star.
FREE: Final = 30.0
A_STAR: Final = 10


def plan(broadcast: Broadcast, survey: Survey, counts: Counts, pace: float) -> dict[str, object]:
    """Return what would happen if a broadcast began now, as JSON holds it.

    `counts` are those of all users; `pace` is how many messages a second the bot may send.
    """
    chosen = Languages(broadcast.contents)
    languages: Counter[str] = Counter()
    for spoken, number in survey.languages.items():
        languages[chosen.of(spoken)] += number
    rate, recipients = rate_of(broadcast, pace), survey.size
    left_out = {
        access.value: number for access, number in counts.by.items() if access is not Access.REACHABLE
    }
    others = counts.by.get(Access.REACHABLE, 0) - recipients - survey.declining
    return {
        "id": broadcast.id,
        "recipients": recipients,
        "languages": dict(sorted(languages.items())),
        "left_out": {
            **{name: number for name, number in sorted(left_out.items()) if number},
            "no_news": survey.declining,
            "not_in_audience": max(0, others),
        },
        "rate": rate,
        "seconds": math.ceil(recipients / rate),
        "stars": stars(broadcast, recipients, pace),
    }


def rate_of(broadcast: Broadcast, pace: float) -> float:
    """Return how many recipients a second a broadcast reaches at most."""
    rate = pace / max(1, broadcast.parts)
    return min(rate, broadcast.rate) if broadcast.rate else rate


def stars(broadcast: Broadcast, recipients: int, pace: float) -> int:
    """Return how many stars it costs at most; 0 for one that may not cost anything."""
    rate = rate_of(broadcast, pace) * max(1, broadcast.parts)
    if not broadcast.paid or rate <= FREE:
        return 0
    paid = recipients * max(1, broadcast.parts) * (1 - FREE / rate)
    return math.ceil(paid / A_STAR)
