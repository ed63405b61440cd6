"""The commands for the users that the bot has met: of the running bot, and of the command line on files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import asdict
from typing import Final

from tgbot.core.access import Access, Verdict
from tgbot.core.broadcasts import declines
from tgbot.core.errors import UserUnknownError
from tgbot.core.users import User, UserReader
from tgbot.operate.control import Command, Say
from tgbot.store.base import Planned
from tgbot.store.kept import answers_in
from tgbot.store.planned import Ahead

#: How many users are in one answer at most, and how many are looked at for it.
PAGE: Final = 100
LOOKED_AT: Final = 5_000
#: How many are described between two turns of the event loop, and how many are passed over.
_SLICE: Final = 20
_PASSED: Final = 200
#: The largest id that the registry can hold.
_LARGEST: Final = 2**63 - 1


def commands(
    users: UserReader, clock: Callable[[], float], planned: Callable[[int], Awaitable[Collection[Planned]]]
) -> dict[str, Command]:
    """Return the commands by name; `clock` judges permissions that end.

    `planned` gives what is planned for a user.
    """

    async def show_all(say: Say, access: Access | None = None, after: int = 0, limit: int = PAGE) -> object:
        page: list[dict[str, object]] = []
        most, last, now = min(limit, PAGE), None, clock()
        for number, (user_id, user) in enumerate(users.scan(min(after, _LARGEST), access), 1):
            if user is not None:
                page.append(described(user, now))
            if len(page) >= most or number == LOOKED_AT:
                last = user_id
                break
            if number % _PASSED == 0 or (user is not None and len(page) % _SLICE == 0):
                await asyncio.sleep(0)  # others have their turn
        return {"users": page, "after": last}

    async def show(say: Say, id: int) -> object:
        user = users.get(id)
        if user is None or not user.met:
            raise UserUnknownError(id)
        return described(user, clock()) | _kept(user, await planned(id))

    async def count(say: Say) -> object:
        counts = users.count()
        return {"total": counts.total} | {access.value: counts.by.get(access, 0) for access in Access}

    return {"users.list": show_all, "users.show": show, "users.count": count}


def described(user: User, now: float) -> dict[str, object]:
    """Return what is known of a user, as JSON holds it; times are unix seconds."""
    return {
        "id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "usernames": list(user.usernames),
        "language": user.spoken,
        "premium": user.premium,
        "news": not declines(user),
        "bot": user.bot,
        "deleted": user.deleted,
        **judged(user.verdict(now)),
        "first_seen": user.first_seen or None,
        "last_seen": user.last_seen or None,
        "known_by": list(user.known_by),
        "first_payload": user.first_payload,
        "last_payload": user.last_payload,
    }


def _kept(user: User, planned: Collection[Planned]) -> dict[str, object]:
    """Return what plugins keep of a user, and what they plan, as JSON holds it."""
    ahead = Ahead.of(planned)
    return {
        "data": dict(user.data),
        "talks": [
            {
                "chat": chat_id,
                "name": talk.name,
                "since": talk.at,
                "answers": answers_in(talk),
                "over": talk.over,
            }
            for chat_id, talk in user.talks.items()
        ],
        "planned": None if ahead is None else asdict(ahead),
    }


def judged(found: Verdict) -> dict[str, str | int | None]:
    """Return a verdict as JSON holds it; times are unix seconds of Telegram's clock."""
    kind, at, *_, detail = found.evidence or (None, None, None)
    return {
        "access": found.access.value,
        "since": found.since,
        "until": found.until,
        "evidence": kind,
        "evidence_at": at,
        "evidence_detail": detail or None,
    }
