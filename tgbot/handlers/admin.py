"""Commands for the bot's admins: who is this, may I write to them, how many users are there."""

from __future__ import annotations

from functools import partial
from typing import Final, NamedTuple

from telethon import errors, events
from telethon.tl import types

from tgbot.core.access import Access, Evidence, Kind, Verdict
from tgbot.core.commands import Command
from tgbot.core.errors import (
    BudgetSpentError,
    HiddenForwardError,
    LinkError,
    NameNotFoundError,
    NeverMetError,
)
from tgbot.core.ids import marked_id
from tgbot.core.names import clean_name
from tgbot.core.users import User, UserRegistry
from tgbot.handlers.commands import on_command
from tgbot.handlers.evidence import Permission
from tgbot.handlers.wording import ago, clock_time, dashed, language_of, moment, ways
from tgbot.locales.texts import Texts
from tgbot.messaging.resolve import Found, PeerKind, Resolved
from tgbot.plugins.parts import Clock, Parts
from tgbot.telegram import error_name

COMMANDS: Final = ("resolve", "whois", "check", "stats")


class _Asked(NamedTuple):
    """Whom a command asks for: what an admin typed, or the author of the message it replies to."""

    label: str
    text: str = ""
    forward: types.MessageFwdHeader | None = None
    id: int = 0


def register(parts: Parts) -> None:
    """Register the admin commands in private chats; for anybody but `parts.admins` they do not exist."""
    client, users, sender, peers, texts = parts.client, parts.users, parts.sender, parts.peers, parts.texts
    descriptions = Descriptions(users, texts, parts.clock, peers.daily_resolves)

    async def reply(
        event: events.NewMessage.Event, command: Command, user: User | None, language: str | None
    ) -> None:
        if command.name == "stats":
            text = stats(language)
        else:
            text = await description(language, command, event.message)
        await sender.answer(event, text, link_preview=False)

    async def description(language: str | None, command: Command, message: types.Message) -> str:
        header = message.reply_to
        if command.args:
            asked = _Asked(clean_name(command.args), command.args)
        elif isinstance(header, types.MessageReplyHeader) and (header.reply_from or header.reply_to_msg_id):
            author = await author_of(header)
            if author is None:
                return texts.render(language, "admin-no-message")
            asked = author
        else:
            return texts.render(language, "admin-usage", command=f"/{command.name}")
        try:
            found = await find(asked)
            if command.name == "check" and found.kind is PeerKind.USER:
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

    async def find(asked: _Asked) -> Resolved:
        if asked.text:
            return await peers.resolve(asked.text)
        if asked.forward is not None:
            return await peers.by_forward(asked.forward)
        return await peers.by_id(asked.id)

    async def author_of(reply: types.MessageReplyHeader) -> _Asked | None:
        """Return who wrote the message that was replied to; None if Telegram no longer shows it."""
        header = reply.reply_from  # present if that message is in another chat
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
            return _Asked(clean_name(header.from_name), forward=header)
        return _Asked(str(marked_id(header.from_id)), forward=header)

    def stats(language: str | None) -> str:
        counts = users.count()
        numbers = {access.value: counts.by.get(access, 0) for access in Access}
        spent = peers.resolves_today()
        return texts.render(
            language, "stats", total=counts.total, resolves=spent, limit=peers.daily_resolves, **numbers
        )

    if parts.admins:
        on_command(parts, COMMANDS, reply, only=parts.admins)


class Descriptions:
    """What the bot knows about a peer, in words."""

    def __init__(self, users: UserRegistry, texts: Texts, clock: Clock, daily_resolves: int) -> None:
        self._users = users
        self._texts = texts
        self._clock = clock
        self._daily_resolves = daily_resolves

    def of(self, language: str | None, found: Resolved) -> str:
        """Return a few lines: who it is, how they were found, and what is known about access."""
        say = partial(self._texts.render, language)
        lines = [
            say(dashed("peer", found.kind), name=clean_name(found.title) or say("peer-nameless")),
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
        lines.append(say(dashed("peer-found", way), age=age, limit=self._daily_resolves))
        return "\n".join(lines)

    def _person(self, language: str | None, user: User | None) -> list[str]:
        say = partial(self._texts.render, language)
        now = self._clock()
        speaks = clean_name(language_of(user))
        lines = [say("peer-language", spoken=speaks) if speaks else say("peer-language-unknown")]
        verdict = user.verdict(now) if user else Verdict(Access.UNKNOWN)
        write = say(dashed("access", verdict.access))
        if verdict.since is not None and verdict.evidence is not None:
            why = self._why(language, verdict.evidence)
            when = moment(self._texts, language, verdict.since, now)
            write = say("peer-since", access=write, when=when, evidence=why)
        if verdict.until is not None:
            write = say("peer-until", line=write, until=clock_time(verdict.until))
        lines.append(say("peer-write", access=write))
        allowed = user.last_evidence(Kind.WRITE_ACCESS, Kind.LOGIN) if user is not None else None
        if allowed is not None and allowed != verdict.evidence:
            when = moment(self._texts, language, allowed.at, now)
            lines.append(say("peer-allowed", when=when, evidence=self._why(language, allowed)))
        if user is not None and (cleared := user.history_cleared) is not None:
            lines.append(say("peer-history-cleared", when=moment(self._texts, language, cleared, now)))
        if user is not None and user.known_by:
            since = min(user.known_by.values())
            how = ways(self._texts, language, user)
            lines.append(say("peer-known", when=moment(self._texts, language, since, now), ways=how))
        return lines

    def _why(self, language: str | None, evidence: Evidence) -> str:
        """Return a piece of evidence in words."""
        kind, detail = evidence.kind, evidence.detail
        permission = Permission.stored(detail) if kind is Kind.WRITE_ACCESS else ""
        return self._texts.render(
            language, dashed("evidence", kind, permission), detail=clean_name(detail) or "–"
        )
