"""Requests to join a chat where the bot may add users: greeted in private, and answered as configured."""

from __future__ import annotations

from telethon import events
from telethon.tl import types

from tgbot.core.access import JOIN_REQUEST_SECONDS, Access, Kind
from tgbot.core.ids import marked_id
from tgbot.handlers.admissions import Admissions
from tgbot.handlers.evidence import seconds
from tgbot.handlers.greetings import Greeting, Greetings
from tgbot.handlers.migrations import Migrations
from tgbot.handlers.wording import dashed
from tgbot.plugins.parts import Approve, Parts
from tgbot.telegram.updates.events import entity_of

#: For how many seconds Telegram waits for an answer to its question about a request (its documentation).
QUERY_SECONDS = 10
#: Who asked like that is greeted within so many seconds, or not at all: the answer must be in time.
_QUERY_GREETING_SECONDS = 6


def register_first(parts: Parts) -> Admissions:
    """Register what must come before the plugins, which may keep an update from later handlers.

    With `Approve.AFTER_START` that are the messages of who asked to join: they were told that any message
    will do.
    """
    client, users = parts.client, parts.users
    admissions = Admissions(parts, Migrations(client.session))

    async def wrote(update: types.UpdateNewMessage) -> None:
        user_id = update.message.peer_id.user_id
        user = users.get(user_id)
        for chat in list(user.join_requests) if user is not None else ():
            title = client.session.title(admissions.migrations.now(chat))
            work = admissions.let_in(user_id, chat, title, welcome=True)
            # A hold for each: what is said of one chat is named apart from what is said of another.
            client.spawn(client.hold(f"join request {chat}").run(work), "a join request")

    def has_asked(update: types.UpdateNewMessage) -> bool:
        message = update.message
        if type(message) is not types.Message or message.out or type(message.peer_id) is not types.PeerUser:
            return False
        user = users.get(message.peer_id.user_id)
        return user is not None and bool(user.join_requests)

    if parts.approve is Approve.AFTER_START:
        client.add_event_handler(wrote, events.Raw(types.UpdateNewMessage, func=has_asked))
    return admissions


def register(parts: Parts, admissions: Admissions | None = None) -> None:
    """Register handlers of requests; `admissions` is what `register_first` returned.

    A request is greeted while the bot may write because of it: for five minutes, and until somebody answers
    it. It is greeted before it is approved, because the approval ends the permission. Greetings have a queue
    of their own, and approvals hold no dialog: nobody waits behind them, not even who asked. What Telegram
    puts off is parked with the update, the request or the message, and tried again.
    """
    client, users, clock, approve = parts.client, parts.users, parts.clock, parts.approve
    greetings = Greetings(clock, client.spawn)
    approvals = register_first(parts) if admissions is None else admissions

    async def asked(update: types.UpdateBotChatInviteRequester) -> None:
        user_id, chat = update.user_id, marked_id(update.peer)
        at = seconds(update.date, clock)
        user = users.get(user_id)
        if user is None or user.bot:
            return
        title = getattr(entity_of(update, chat), "title", None) or ""
        access = user.verdict(clock()).access
        started = access is Access.REACHABLE and user.last_evidence(Kind.MESSAGE, Kind.START) is not None
        way = Approve.ALWAYS if approve is Approve.AFTER_START and started else approve
        until, query = at + JOIN_REQUEST_SECONDS, update.query_id or 0
        if query and clock() < at + QUERY_SECONDS:
            if way is Approve.ALWAYS:
                until = at + _QUERY_GREETING_SECONDS
            else:
                client.spawn(client.hold("query").run(approvals.queue(query)), "a join request query")
        greeting, admission = client.hold("greeting"), client.hold("admission")

        async def answer(in_time: bool) -> None:
            done = not in_time

            async def greet() -> None:
                nonlocal done
                if in_time:
                    await approvals.tell(user_id, "join-hello", title, dashed("join-next", way))
                    done = True

            async def admit() -> None:
                if done and way is Approve.ALWAYS:
                    asks = query if clock() < at + QUERY_SECONDS else 0
                    await approvals.let_in(user_id, chat, title, query=asks, welcome=False)

            await greeting.run(greet())
            client.spawn(admission.run(admit()), "a join request")

        greeted = until > clock() and access is Access.REACHABLE
        greetings.put(Greeting(until if greeted else None, answer))

    client.add_event_handler(asked, events.Raw(types.UpdateBotChatInviteRequester))
