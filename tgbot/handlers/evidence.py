"""What Telegram says of users goes to the registry first: evidence for access, payloads, new names."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from typing import Any

from telethon import events
from telethon.tl import types

from tgbot.core.access import JOIN_REQUEST_SECONDS, Evidence, Kind
from tgbot.core.errors import LinkError
from tgbot.core.links import check_payload
from tgbot.core.users import Profile, User, UserRegistry
from tgbot.messaging.resolve import usernames_of

#: Requests whose answers are a way of their own to become known → how the registry calls it.
_WAYS = {"ResolveUsernameRequest": "username", "GetUsersRequest": "id"}

_START = re.compile(r"/start(?:@(\w+))?( .+)?$")


def register(client: Any, *, users: UserRegistry, clock: Callable[[], float] = time.time, **_: Any) -> None:
    """Registers one raw handler, to be the first: it looks the update's type up and records what it says.

    Handlers that come later find the payload of a `/start` in the user's `last_payload`.
    """
    record = users.record

    def seconds(date: Any) -> int:
        # Telethon reads a date of 0 as None.
        return int(date.timestamp()) if date is not None else int(clock())

    def known_by(user: User, way: str) -> None:
        if way not in user.known_by and user.last_seen:
            users.seen(user.profile, user.last_seen, way)

    def message(update: Any) -> None:
        said = update.message
        if type(said) is types.MessageEmpty:
            return
        if type(said.peer_id) is not types.PeerUser:
            in_group(update)
            return
        if said.out:
            return
        user_id, at = said.peer_id.user_id, seconds(said.date)
        if type(said) is types.MessageService:
            if type(said.action) is types.MessageActionBotAllowed:
                reason = reason_of(said.action)
                known_by(record(user_id, Evidence(Kind.WRITE_ACCESS, at, detail=reason)), "login")
            return
        text = said.message
        payload = start_payload(text, client.me) if text and text.startswith("/start") else None
        if payload is None:
            known_by(record(user_id, Evidence(Kind.MESSAGE, at)), "message")
        else:
            known_by(users.payload(user_id, payload, at, said.id), "message")
        users.opened(user_id, said.id)

    def in_group(update: Any) -> None:
        author = getattr(update.message, "from_id", None)
        if isinstance(author, types.PeerUser):
            user = users.get(author.user_id)
            if user is not None:
                known_by(user, "group")

    def short_message(update: Any) -> None:
        if not update.out:
            at = seconds(update.date)
            known_by(record(update.user_id, Evidence(Kind.MESSAGE, at)), "message")
            users.opened(update.user_id, update.id)

    def stopped(update: Any) -> None:
        kind = Kind.BOT_STOPPED if update.stopped else Kind.BOT_UNBLOCKED
        record(update.user_id, Evidence(kind, seconds(update.date), update.qts))

    def join_request(update: Any) -> None:
        at = seconds(update.date)
        asked = Evidence(Kind.JOIN_REQUEST, at, update.qts, at + JOIN_REQUEST_SECONDS)
        known_by(record(update.user_id, asked), "join_request")

    def renamed(update: Any) -> None:
        user = users.get(update.user_id)
        if user is None or not user.last_seen:
            return  # Nothing else is known of them; the next full user tells all of it at once.
        names = tuple(name.username for name in update.usernames if name.active)
        profile = user.profile._replace(
            first_name=update.first_name, last_name=update.last_name, usernames=names
        )
        users.seen(profile, max(int(clock()), user.last_seen), next(iter(user.known_by)))

    sources: dict[type, Callable[[Any], None]] = {
        types.UpdateNewMessage: message,
        types.UpdateNewChannelMessage: in_group,
        types.UpdateShortMessage: short_message,
        types.UpdateBotStopped: stopped,
        types.UpdateBotChatInviteRequester: join_request,
        types.UpdateUserName: renamed,
    }

    async def on_update(update: Any) -> None:
        sources[type(update)](update)

    client.add_event_handler(on_update, events.Raw(tuple(sources)))


def start_payload(text: str, me: Any) -> str | None:
    """Returns the payload of a /start meant for the bot `me`, "" for one without; None for any other text."""
    if text == "/start":
        return ""
    match = _START.match(text)
    if match is None or (match[1] and match[1].lower() not in own_names(me)):
        return None
    try:
        return check_payload(match[2].strip()) if match[2] else ""
    except LinkError:
        return ""  # No link can have carried it: somebody typed it.


def own_names(me: Any) -> tuple[str, ...]:
    """Returns the bot's usernames in lower case."""
    return tuple(name.lower() for name in usernames_of(me))


def seen_by(users: UserRegistry, clock: Callable[[], float]) -> Callable[[Iterable[Any], str], None]:
    """Returns what the client calls with the full users of whatever arrives, and where they came from."""

    def seen(arrived: Iterable[Any], source: str) -> None:
        at = int(clock())
        way = _WAYS.get(source) or ("answer" if source.endswith("Request") else source)
        for user in arrived:
            if not user.is_self:
                users.seen(profile_of(user), at, way)

    return seen


def profile_of(user: Any) -> Profile:
    """Builds the profile from a full TL user (a min user must never come here)."""
    name = user.username
    return Profile(
        user.id,
        user.first_name or "",
        user.last_name or "",
        usernames_of(user) if user.usernames else (name,) if name else (),
        user.lang_code or None,
        True if user.premium else False,  # noqa: SIM210 - half the time of bool(), for everybody who arrives
        True if user.bot else False,  # noqa: SIM210 - likewise
        True if user.deleted else False,  # noqa: SIM210 - likewise
    )


def reason_of(action: Any) -> str:
    """Why write access was given: the site's domain, or which kind of app asked (app, attach, request)."""
    if action.domain:
        return str(action.domain)
    if action.app is not None:
        return "app"
    if action.attach_menu:
        return "attach"
    return "request" if action.from_request else ""
