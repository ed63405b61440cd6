"""Commands for the bot's admins: who is this, may I write to them, how many are there."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

from telethon import errors, events, utils
from telethon.tl import types

from tgbot.core.access import Access, Evidence, Kind, Verdict
from tgbot.core.errors import (
    BudgetSpentError,
    HiddenForwardError,
    LinkError,
    NameNotFoundError,
    NeverMetError,
)
from tgbot.core.users import User, UserRegistry
from tgbot.handlers.evidence import own_names
from tgbot.handlers.wording import ago, clock_time, language_of, moment, reason, shown, ways
from tgbot.locales.texts import Texts
from tgbot.messaging.resolve import Found, PeerKind, Peers, Resolved
from tgbot.messaging.sender import Sender, error_name

COMMANDS = r"(?s)^/(resolve|whois|check|stats)(?:@(\w+))?(?:\s+(.*))?$"


class _Asked(NamedTuple):
    """Whom a command asks for: what an admin typed, or who wrote the message it replies to."""

    label: str = ""
    text: str = ""
    forward: Any = None
    id: int = 0


def register(
    client: Any,
    *,
    users: UserRegistry,
    sender: Sender,
    peers: Peers,
    texts: Texts,
    admins: Collection[int],
    clock: Callable[[], float] = time.time,
    **_: Any,
) -> None:
    """Registers the admin commands, in private chats, for these user ids; for others they do not exist."""
    if not admins:
        return
    descriptions = Descriptions(users, texts, clock, peers.daily_resolves)

    async def command(event: Any) -> None:
        name, bot, what = event.pattern_match.groups()
        if bot is not None and bot.lower() not in own_names(client.me):
            return
        language = language_of(users.get(event.sender_id))
        text = stats(language) if name == "stats" else await told(language, name, event.message, what or "")
        await sender.answer(event, text, link_preview=False)

    async def told(language: str | None, name: str, message: Any, what: str) -> str:
        reply = message.reply_to
        if what.strip():
            asked = _Asked(shown(what), what.strip())
        elif isinstance(reply, types.MessageReplyHeader) and (reply.reply_from or reply.reply_to_msg_id):
            author = await author_of(reply)
            if author is None:
                return texts.render(language, "admin-no-message")
            asked = author
        else:
            return texts.render(language, "admin-usage", command=f"/{name}")
        try:
            if asked.text:
                found = await peers.resolve(asked.text)
            elif asked.forward is not None:
                found = await peers.by_forward(asked.forward)
            else:
                found = await peers.by_id(asked.id)
            if name == "check" and found.kind is PeerKind.USER:
                await sender.probe(found)
            return descriptions.of(language, found)
        except LinkError:
            return texts.render(language, "admin-unreadable", what=asked.label)
        except HiddenForwardError:
            return texts.render(language, "admin-hidden-forward", name=asked.label)
        except NameNotFoundError:
            return texts.render(language, "admin-no-such-name", what=asked.label)
        except NeverMetError:
            return texts.render(language, "admin-never-met", what=asked.label)
        except BudgetSpentError:
            return texts.render(language, "admin-budget-spent", what=asked.label, limit=peers.daily_resolves)
        except errors.FloodWaitError as error:
            return texts.render(language, "admin-wait", seconds=error.seconds)
        except errors.RPCError as error:
            return texts.render(language, "admin-refused", error=error_name(error))

    async def author_of(reply: Any) -> _Asked | None:
        header = reply.reply_from  # There where the message replied to is in another chat.
        if header is None:
            message = await client.get_messages(None, ids=reply.reply_to_msg_id)
            if message is None:
                return None
            header = message.fwd_from
            if header is None:
                contact = message.media if isinstance(message.media, types.MessageMediaContact) else None
                user_id = (contact and contact.user_id) or message.sender_id or 0
                return _Asked(str(user_id), id=user_id)
        if header.from_id is None:
            return _Asked(shown(header.from_name), forward=header)
        return _Asked(str(utils.get_peer_id(header.from_id)), forward=header)

    def stats(language: str | None) -> str:
        counts = users.count()
        numbers = {access.value: counts.by.get(access, 0) for access in Access}
        spent = peers.resolves_today()
        return texts.render(
            language, "stats", total=counts.total, resolves=spent, limit=peers.daily_resolves, **numbers
        )

    client.add_event_handler(
        command,
        events.NewMessage(
            incoming=True, from_users=list(admins), pattern=COMMANDS, func=lambda event: event.is_private
        ),
    )


class Descriptions:
    """What the bot knows of a peer, in words."""

    def __init__(
        self, users: UserRegistry, texts: Texts, clock: Callable[[], float], daily_resolves: int
    ) -> None:
        self._users = users
        self._texts = texts
        self._clock = clock
        self._daily_resolves = daily_resolves

    def of(self, language: str | None, found: Resolved) -> str:
        """A few lines: who it is; of a person also their language, may the bot write and why; how found."""
        say = partial(self._texts.render, language)
        lines = [
            say(f"peer-{found.kind.value}", name=shown(found.title) or say("peer-nameless")),
            say("peer-id", id=str(found.id)),
            say("peer-usernames", names=" ".join(f"@{name}" for name in found.usernames))
            if found.usernames
            else say("peer-no-usernames"),
        ]
        if found.kind is PeerKind.USER:
            lines += self._person(language, self._users.get(found.id))
        elif found.kind is PeerKind.BOT:
            lines.append(say("peer-write", access=say("access-bot")))
        age = "" if found.age is None else ago(self._texts, language, found.age)
        way = "session-name" if found.found is Found.SESSION and age else found.found.value
        lines.append(say(f"peer-found-{way}", age=age, limit=self._daily_resolves))
        return "\n".join(lines)

    def _person(self, language: str | None, user: User | None) -> list[str]:
        say = partial(self._texts.render, language)
        now = self._clock()
        speaks = shown(language_of(user))
        lines = [say("peer-language", spoken=speaks) if speaks else say("peer-language-unknown")]
        verdict = user.verdict(now) if user else Verdict(Access.UNKNOWN)
        write = say(f"access-{_dashed(verdict.access)}")
        if verdict.since is not None and verdict.evidence is not None:
            why = self._why(language, verdict.evidence)
            when = moment(self._texts, language, verdict.since, now)
            write = say("peer-since", access=write, when=when, evidence=why)
        if verdict.until is not None:
            write = say("peer-until", line=write, until=clock_time(verdict.until))
        lines.append(say("peer-write", access=write))
        allowed = user.record.last(Kind.WRITE_ACCESS, Kind.LOGIN) if user is not None else None
        if allowed is not None and allowed != verdict.evidence:
            when = moment(self._texts, language, allowed.at, now)
            lines.append(say("peer-allowed", when=when, evidence=self._why(language, allowed)))
        if user is not None and (cleared := user.record.history_cleared) is not None:
            lines.append(say("peer-history-cleared", when=moment(self._texts, language, cleared, now)))
        if user is not None and user.known_by:
            since = min(user.known_by.values())
            how = ways(self._texts, language, user)
            lines.append(say("peer-known", when=moment(self._texts, language, since, now), ways=how))
        return lines

    def _why(self, language: str | None, evidence: Evidence) -> str:
        """A piece of evidence in words."""
        kind, detail = evidence.kind, evidence.detail
        ending = reason(detail) if kind is Kind.WRITE_ACCESS else ""
        return self._texts.render(language, f"evidence-{_dashed(kind)}{ending}", detail=shown(detail) or "–")


def _dashed(value: str) -> str:
    return value.replace("_", "-")
