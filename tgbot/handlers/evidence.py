"""Record what Telegram says of users before anything else: evidence for access, payloads, new names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum

from telethon import events
from telethon.tl import TLObject, types

from tgbot.core.access import JOIN_REQUEST_SECONDS, Evidence, Kind
from tgbot.core.commands import parse, word_of
from tgbot.core.errors import LinkError
from tgbot.core.ids import marked_channel, marked_chat, marked_id
from tgbot.core.links import check_payload
from tgbot.core.names import usernames_of
from tgbot.core.users import CAME, Keep, User, UserFields, UserRegistry, Way
from tgbot.handlers.migrations import Migrations
from tgbot.messaging.broadcast.buttons import click
from tgbot.messaging.resolve import profile_of
from tgbot.plugins.parts import Parts
from tgbot.telegram.updates.events import entity_of

_ALL = Keep.ALL  # a name of its own: a member of an enum is looked up slowly
#: Where a profile came from (see the client's `Listener`) → how that makes a user known.
_WAYS = {
    "update": Way.UPDATE,
    "difference": Way.DIFFERENCE,
    "ResolveUsernameRequest": Way.USERNAME,
}


class Permission(StrEnum):
    """How a user allowed the bot to write."""

    #: They logged in on a site.
    DOMAIN = "domain"
    #: They opened a mini app from a link.
    APP = "app"
    #: They put the bot into their attachment menu.
    ATTACH = "attach"
    #: A mini app asked for it.
    REQUEST = "request"
    #: Telegram does not say.
    UNSAID = ""

    @classmethod
    def of(cls, detail: str) -> Permission:
        """Return what the detail of evidence of write access means."""
        return cls(detail) if detail in set(cls) else cls.DOMAIN


def permission_detail(action: types.MessageActionBotAllowed) -> str:
    """Return what evidence stores of a permission: the domain of a login, else the value of a Permission."""
    if action.domain:
        return str(action.domain)
    if action.app is not None:
        return Permission.APP.value
    if action.attach_menu:
        return Permission.ATTACH.value
    return (Permission.REQUEST if action.from_request else Permission.UNSAID).value


def register(parts: Parts) -> None:
    """Register one raw handler, which must be the first: it records what each kind of update says.

    Later handlers find the payload of a `/start` in the user's `last_payload`. For a broadcast's button it is
    the payload that was given for the button, and the click is counted.
    """
    #: The click in the update that is read now: the user's id and the payload.
    clicks: list[tuple[int, str]] = []
    records, broadcasts = sources(parts, clicked=clicks.append), parts.broadcasts

    async def on_update(update: TLObject) -> None:
        records[type(update)](update)
        if clicks:
            await broadcasts.clicked(*clicks.pop())

    parts.client.add_event_handler(on_update, events.Raw(tuple(records)))


def sources(
    parts: Parts, clicked: Callable[[tuple[int, str]], None] = lambda click: None
) -> dict[type[TLObject], Callable[[TLObject], None]]:
    """Return what records each kind of update that says something of users.

    In any order and any number of times; `replayed` and the entities of an update must be set. `clicked` is
    told the user's id and the payload of a press of a broadcast's button.
    """
    client, users, clock = parts.client, parts.users, parts.clock
    record, wrote = users.record, users.wrote
    by_message = Way.MESSAGE  # a name of its own: a member of an enum is looked up slowly
    migrations = Migrations(client.session)
    key = parts.payload_key

    def came(update: TLObject, user: User, way: Way) -> None:
        """Note how a user came, with the profile that the update brought: until now it may not be kept."""
        if user.is_known_by(way):
            return
        named = entity_of(update, user.id)
        if isinstance(named, types.User) and not named.min:
            profile, now = profile_of(named), int(clock())
            users.seen(profile, now, way)
            if update.replayed:
                users.seen(profile, now, Way.DIFFERENCE)
        elif user.last_seen:
            users.seen(user.profile, user.last_seen, way)

    def message(update: types.UpdateNewMessage) -> None:
        said = update.message
        if type(said) is not types.Message:
            service(update)
        elif type(said.peer_id) is not types.PeerUser:
            in_group(update)
        elif not said.out:
            private(update, said.peer_id.user_id, said)

    def private(update: TLObject, user_id: int, said: types.Message | types.UpdateShortMessage) -> None:
        payload = start_payload(said.message or "", client.me)
        if payload and (found := click(payload, key)) is not None:
            clicked((user_id, payload))
            payload = found.payload
        user = wrote(user_id, seconds(said.date, clock), said.id, payload)
        came(update, user, by_message)

    def service(update: types.UpdateNewMessage) -> None:
        said = update.message
        if type(said) is types.MessageEmpty:
            return
        if type(said.peer_id) is not types.PeerUser:
            in_group(update)
        elif not said.out and type(said.action) is types.MessageActionBotAllowed:
            at, detail = seconds(said.date, clock), permission_detail(said.action)
            allowed = Evidence(Kind.WRITE_ACCESS, at, detail=detail)
            came(update, record(said.peer_id.user_id, allowed), Way.LOGIN)

    def in_group(update: types.UpdateNewMessage | types.UpdateNewChannelMessage) -> None:
        migrations.told(update)
        author = getattr(update.message, "from_id", None)
        user = users.get(author.user_id) if isinstance(author, types.PeerUser) else None
        if user is not None and user.last_seen and Way.GROUP not in user.known_by:
            users.seen(user.profile, user.last_seen, Way.GROUP)

    def short_message(update: types.UpdateShortMessage) -> None:
        if not update.out:
            private(update, update.user_id, update)

    def stopped(update: types.UpdateBotStopped) -> None:
        kind = Kind.BOT_STOPPED if update.stopped else Kind.BOT_UNBLOCKED
        record(update.user_id, Evidence(kind, seconds(update.date, clock), update.qts))

    def join_request(update: types.UpdateBotChatInviteRequester) -> None:
        at = seconds(update.date, clock)
        asked = Evidence(Kind.JOIN_REQUEST, at, update.qts, at + JOIN_REQUEST_SECONDS)
        came(update, record(update.user_id, asked), Way.JOIN_REQUEST)
        # After a crash this may come again, and the request may be answered already: Telegram says so then.
        users.join_requested(update.user_id, marked_id(update.peer), at)

    def member(update: types.UpdateChannelParticipant | types.UpdateChatParticipant) -> None:
        if update.new_participant is not None:
            in_channel = type(update) is types.UpdateChannelParticipant
            chat = marked_channel(update.channel_id) if in_channel else marked_chat(update.chat_id)
            for one in (chat, migrations.before(chat)):
                if one is not None:
                    users.join_request_closed(update.user_id, one, seconds(update.date, clock))

    def renamed(update: types.UpdateUserName) -> None:
        user = users.get(update.user_id)
        if user is None or not user.last_seen:
            return  # Nothing else is known of them; the next full user brings all of it at once.
        profile = user.profile._replace(
            first_name=update.first_name, last_name=update.last_name, usernames=usernames_of(update)
        )
        users.seen(profile, max(int(clock()), user.last_seen), next(iter(user.known_by), Way.UPDATE))

    return {
        types.UpdateNewMessage: message,
        types.UpdateNewChannelMessage: in_group,
        types.UpdateShortMessage: short_message,
        types.UpdateBotStopped: stopped,
        types.UpdateBotChatInviteRequester: join_request,
        types.UpdateChannelParticipant: member,
        types.UpdateChatParticipant: member,
        types.UpdateUserName: renamed,
    }


def seconds(date: datetime | None, clock: Callable[[], float]) -> int:
    """Return a TL date in unix seconds; the present for a date of 0, which is none."""
    return (0 if date is None else int(date.timestamp())) or int(clock())


def start_payload(text: str, me: types.User) -> str | None:
    """Return the payload of a /start meant for the bot `me`, "" for one without; None for any other text."""
    if text == "/start":
        return ""
    if word_of(text) != "start":
        return None
    command = parse(text, usernames_of(me))
    if command is None or command.name != "start" or not command.for_us:
        return None
    try:
        return check_payload(command.args) if command.args else ""
    except LinkError:
        return ""  # No link can carry it, so somebody typed it.


def record_seen(
    users: UserRegistry, keep: Keep, arrived: Iterable[types.TypeUser], source: str, at: int
) -> None:
    """Store the profiles of full users that arrived, of those who are kept, as a `Listener` does.

    Who is looked up by username is kept: a look-up counts against the day's limit. Who writes to the bot for
    the first time is not kept yet; `register`'s handler does that.
    """
    way = _WAYS.get(source, Way.ANSWER)
    all_kept = keep is _ALL or way in CAME
    for user in arrived:
        if not all_kept:
            known = users.get(user.id)
            if known is None or not known.came:
                continue
        if type(user) is types.User and not user.min and not user.is_self:
            users.seen(profile_of(user), at, way)


def person_of(users: UserRegistry, update: TLObject, user_id: int) -> User | None:
    """Return the user as the registry knows them, else as they came with the update, which stores nothing."""
    user, named = users.get(user_id), _named(update, user_id)
    if named is None or (user is not None and user.last_seen):
        return user
    return User(UserFields(user_id, profile_of(named), language=named.lang_code or None))


def _named(update: TLObject, user_id: int) -> types.User | None:
    """Return the user who came with an update, who may be a min one; None if they did not."""
    named = entity_of(update, user_id)
    return named if isinstance(named, types.User) else None
