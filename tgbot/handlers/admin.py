"""Commands for the bot's admins: who is this, may I write to them, how many users are there."""

from __future__ import annotations

from typing import Final

from telethon import errors, events
from telethon.tl import types

from tgbot.core.access import Access, Evidence, Kind, Verdict
from tgbot.core.commands import Command
from tgbot.core.errors import (
    BudgetSpentError,
    HiddenForwardError,
    InvitationError,
    LinkError,
    NameNotFoundError,
    NeverMetError,
    PhoneNumberError,
    ResolveError,
)
from tgbot.core.ids import marked_id
from tgbot.core.names import clean_name
from tgbot.core.users import User
from tgbot.handlers.commands import on_command
from tgbot.handlers.evidence import Permission
from tgbot.handlers.wording import Words, clock_time, dashed
from tgbot.messaging.resolve import Found, PeerKind, Resolved
from tgbot.plugins.parts import Parts
from tgbot.store.peers import RESOLVES_A_DAY
from tgbot.telegram import error_name

COMMANDS: Final = ("resolve", "whois", "check", "stats")

#: Why nobody was found → the text that says so.
_NOT_FOUND: Final = {
    LinkError: "admin-unreadable",
    PhoneNumberError: "admin-phone-number",
    InvitationError: "admin-invitation",
    HiddenForwardError: "admin-hidden-forward",
    NameNotFoundError: "admin-no-such-name",
    NeverMetError: "admin-never-met",
    BudgetSpentError: "admin-budget-spent",
}


def register(parts: Parts) -> None:
    """Register the admin commands in private chats; for anybody but `parts.admins` they do not exist."""
    client, users, sender, peers = parts.client, parts.users, parts.sender, parts.peers

    async def reply(event: events.NewMessage.Event, command: Command, user: User | None, say: Words) -> None:
        text = stats(say) if command.name == "stats" else await description(say, command, event.message)
        await sender.answer(event, text, link_preview=False)

    async def description(say: Words, command: Command, message: types.Message) -> str:
        header = message.reply_to
        if command.args:
            label, search = clean_name(command.args), peers.resolve(command.args)
        elif isinstance(header, types.MessageReplyHeader) and (header.reply_from or header.reply_to_msg_id):
            # The first is there if the message is in another chat.
            author = header.reply_from or await author_of(header.reply_to_msg_id)
            if author is None:
                return say("admin-no-message")
            if isinstance(author, int):
                label, search = str(author), peers.by_id(author)
            else:
                label = str(marked_id(author.from_id)) if author.from_id else clean_name(author.from_name)
                search = peers.by_forward(author)
        else:
            return say("admin-usage", command=f"/{command.name}")
        try:
            found = await search
            if command.name == "check" and found.kind is PeerKind.USER:
                await sender.probe(found)
        except (ResolveError, LinkError) as error:
            return say(_NOT_FOUND[type(error)], what=label, name=label, limit=RESOLVES_A_DAY)
        except errors.FloodWaitError as error:
            return say("admin-wait", seconds=error.seconds)
        except errors.RPCError as error:
            return say("admin-refused", error=error_name(error))
        return "\n".join(describe(say, found, users.get(found.id), parts.clock()))

    async def author_of(message_id: int) -> types.MessageFwdHeader | int | None:
        """Return the id of who wrote a message, or the header of a forward; None if the message is gone."""
        message = await client.get_messages(None, ids=message_id)
        if message is None:
            return None
        if message.fwd_from is not None:
            return message.fwd_from
        contact = message.media if isinstance(message.media, types.MessageMediaContact) else None
        return (contact and contact.user_id) or message.sender_id or 0

    def stats(say: Words) -> str:
        counts = users.count()
        numbers = {access.value: counts.by.get(access, 0) for access in Access}
        spent = client.session.resolves_today()
        return say("stats", total=counts.total, resolves=spent, limit=RESOLVES_A_DAY, **numbers)

    on_command(parts, COMMANDS, reply, only=parts.admins)


def describe(say: Words, found: Resolved, user: User | None, now: float) -> list[str]:
    """Return lines that say who a peer is, how they were found, and what is known about access."""
    lines = [
        say(dashed("peer", found.kind), name=found.title or say("peer-nameless")),
        say("peer-id", id=str(found.id)),
        say.usernames(found.usernames),
    ]
    if found.kind is PeerKind.USER:
        lines += person(say, user, now)
    elif found.kind is PeerKind.BOT:
        lines.append(say("peer-write", access=say("access-bot")))
    age = "" if found.age is None else say.ago(found.age)
    way = "session-name" if found.found is Found.SESSION and age else found.found.value
    return [*lines, say(dashed("peer-found", way), age=age, limit=RESOLVES_A_DAY)]


def person(say: Words, user: User | None, now: float) -> list[str]:
    """Return lines about a user's language, about access to them, and how they became known."""
    speaks = clean_name(user.spoken) if user else ""
    lines = [say("peer-language", spoken=speaks) if speaks else say("peer-language-unknown")]
    verdict = user.verdict(now) if user else Verdict(Access.UNKNOWN)
    write = say(dashed("access", verdict.access))
    if verdict.since is not None and verdict.evidence is not None:
        when = say.moment(verdict.since, now)
        write = say("peer-since", access=write, when=when, evidence=_why(say, verdict.evidence))
    if verdict.until is not None:
        write = say("peer-until", line=write, until=clock_time(verdict.until))
    lines.append(say("peer-write", access=write))
    if user is None:
        return lines
    allowed = user.last_evidence(Kind.WRITE_ACCESS, Kind.LOGIN)
    if allowed is not None and allowed != verdict.evidence:
        lines.append(say("peer-allowed", when=say.moment(allowed.at, now), evidence=_why(say, allowed)))
    if user.history_cleared is not None:
        lines.append(say("peer-history-cleared", when=say.moment(user.history_cleared, now)))
    if user.known_by:
        since = say.moment(min(user.known_by.values()), now)
        lines.append(say("peer-known", when=since, ways=say.ways(user)))
    return lines


def _why(say: Words, evidence: Evidence) -> str:
    """Return a piece of evidence in words."""
    permission = Permission.of(evidence.detail) if evidence.kind is Kind.WRITE_ACCESS else ""
    return say(dashed("evidence", evidence.kind, permission), detail=clean_name(evidence.detail) or "–")
