"""The commands for broadcasts: of the running bot, and of the command line where no bot runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal, Protocol, TypeAlias

import msgspec
from msgspec.structs import asdict, replace
from pydantic import Field

from tgbot.core.addresses import parse_peer
from tgbot.core.broadcasterrors import ContentError
from tgbot.core.broadcasts import Audience, Broadcast, Content, Source
from tgbot.core.errors import ArgumentError
from tgbot.locales import languages
from tgbot.messaging.broadcast.broadcasts import Broadcasts
from tgbot.messaging.broadcast.drafts import Markup, text_content
from tgbot.messaging.broadcast.kept import KeptBroadcasts
from tgbot.messaging.resolve import Peers
from tgbot.operate.control import Command, Say
from tgbot.operate.finding import refusals

#: How many broadcasts are in one answer at most.
PAGE: Final = 100
#: How many chosen recipients a request may hold: about 3.5 MB.
MOST_IDS: Final = 250_000

#: Language code → a text and its markup, or the chat and id of a message.
Contents: TypeAlias = dict[str, dict[str, Any]]
#: Text and link of each button.
Buttons: TypeAlias = Sequence[tuple[str, str]]
#: Conditions by the names of the fields of `Audience`.
Conditions: TypeAlias = dict[str, Any]
#: Where a broadcast has no value of its own.
Clear: TypeAlias = Literal["at", "until", "name", "rate", "buttons", "audience"]
#: What each of them is then.
_CLEARED: Final[Mapping[Clear, object]] = {
    "at": None,
    "until": None,
    "name": "",
    "rate": 0.0,
    "buttons": (),
    "audience": Audience(),
}
Rate: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Time: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]


class FindChat(Protocol):
    """Return the marked id of the chat with a name, or of a user."""

    async def __call__(self, name: str, /) -> int: ...


class Given(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent in one language, as a request names it."""

    text: str | None = None
    markup: Markup = Markup.PLAIN
    #: The chat that a message is in, by name or marked id, and its id there.
    chat: str | int | None = None
    message: int | None = None


def commands(broadcasts: KeptBroadcasts, find_chat: FindChat) -> dict[str, Command]:
    """Return the commands by name that need no Telegram, but for copied messages."""

    async def create(
        say: Say,
        contents: Contents,
        buttons: Buttons = (),
        audience: Conditions | None = None,
        name: str = "",
        preview: bool = True,
        silent: bool = False,
        rate: Rate = 0.0,
        paid: bool = False,
        at: Time | None = None,
        until: Time | None = None,
    ) -> object:
        made = await broadcasts.create(
            await _contents(contents, find_chat),
            audience=await _audience(Audience(), audience or {}),
            buttons=buttons,
            name=name,
            preview=preview,
            silent=silent,
            rate=rate,
            paid=paid,
            at=at,
            until=until,
        )
        return shown(made.id)

    async def change(
        say: Say,
        id: int,
        contents: Contents | None = None,
        buttons: Buttons | None = None,
        audience: Conditions | None = None,
        name: str | None = None,
        preview: bool | None = None,
        silent: bool | None = None,
        rate: Rate | None = None,
        paid: bool | None = None,
        at: Time | None = None,
        until: Time | None = None,
        clear: Sequence[Clear] = (),
    ) -> object:
        changes: dict[str, Any] = {each: _CLEARED[each] for each in clear}
        given = {
            "name": name,
            "preview": preview,
            "silent": silent,
            "rate": rate,
            "paid": paid,
            "at": at,
            "until": until,
            "buttons": buttons,
        }
        changes |= {key: value for key, value in given.items() if value is not None}
        if audience is not None:
            changes["audience"] = await _audience(
                changes.get("audience", broadcasts.get(id).audience), audience
            )
        if contents is not None:
            changes["contents"] = await _contents(contents, find_chat)
        await broadcasts.change(id, **changes)
        return shown(id)

    async def show_all(say: Say, after: int = 0) -> object:
        page = [one.id for one in broadcasts.all() if one.id > after][: PAGE + 1]
        following = page[PAGE - 1] if len(page) > PAGE else None
        return {"broadcasts": [broadcasts.status(one) for one in page[:PAGE]], "after": following}

    async def status(say: Say, id: int) -> object:
        return shown(id)

    async def plan(say: Say, id: int) -> object:
        with refusals():
            return await broadcasts.plan(id)

    async def pause(say: Say, id: int) -> object:
        await broadcasts.pause(id)
        return broadcasts.status(id)

    async def resume(say: Say, id: int, until: Time | None = None) -> object:
        await broadcasts.resume(id, until)
        return broadcasts.status(id)

    async def cancel(say: Say, id: int) -> object:
        await broadcasts.cancel(id)
        return broadcasts.status(id)

    async def remove(say: Say, id: int) -> object:
        await broadcasts.remove(id)
        return {"id": id, "removed": True}

    async def deletable(say: Say, id: int) -> object:
        return await broadcasts.deletable(id)

    def shown(id: int) -> dict[str, object]:
        return {**broadcasts.status(id), "definition": _definition(broadcasts.get(id))}

    return {
        "broadcast.create": create,
        "broadcast.change": change,
        "broadcast.list": show_all,
        "broadcast.status": status,
        "broadcast.plan": plan,
        "broadcast.pause": pause,
        "broadcast.resume": resume,
        "broadcast.cancel": cancel,
        "broadcast.deletable": deletable,
        "broadcast.remove": remove,
    }


def live_commands(broadcasts: Broadcasts, peers: Peers) -> dict[str, Command]:
    """Return all commands by name, of a bot that is logged in."""

    async def test(say: Say, id: int, to: Sequence[int] = (), language: str | None = None) -> object:
        with refusals():
            results = await broadcasts.test(id, to, language=language)
        return {"results": [{"user": user, "result": result} for user, result in results.items()]}

    async def start(say: Say, id: int, now: bool = False, stars: int = 0) -> object:
        with refusals():
            await broadcasts.start(id, now=now, stars_agreed=stars)
        return broadcasts.status(id)

    async def find_chat(name: str) -> int:
        with refusals():
            return (await peers.resolve(name)).id

    async def edit(
        say: Say, id: int, contents: Contents | None = None, buttons: Buttons | None = None
    ) -> object:
        with refusals():
            known = await _contents(contents or {}, find_chat)
            await broadcasts.edit(id, known, buttons=buttons)
        return broadcasts.status(id)

    async def delete(say: Say, id: int) -> object:
        await broadcasts.delete(id)
        return broadcasts.status(id)

    return {
        **commands(broadcasts, find_chat),
        "broadcast.test": test,
        "broadcast.start": start,
        "broadcast.edit": edit,
        "broadcast.delete": delete,
    }


def chat_by_number(refuse: Callable[[], Exception]) -> FindChat:
    """Return what knows chats by their marked ids only, and raises the error of `refuse` for a name."""

    async def find_chat(name: str) -> int:
        target = parse_peer(name)
        if target.id is None:
            raise refuse()
        return target.id

    return find_chat


async def _contents(given: Contents, find_chat: FindChat) -> dict[str, Content]:
    return {code: await _content(one, find_chat) for code, one in given.items()}


async def _content(raw: Mapping[str, Any], find_chat: FindChat) -> Content:
    try:
        given = msgspec.convert(dict(raw), Given)
    except msgspec.ValidationError as error:
        raise ArgumentError("contents", str(error)) from None
    if (given.text is None) == (given.message is None) or (given.chat is None) != (given.message is None):
        raise ArgumentError("contents", "expected either text, or chat and message")
    if given.text is not None:
        return text_content(given.text, given.markup)
    assert given.message is not None
    chat = given.chat if isinstance(given.chat, int) else await find_chat(str(given.chat))
    return Content(source=Source(chat, given.message))


async def _audience(before: Audience, given: Conditions) -> Audience:
    """Return an audience with these conditions in the place of its own of the same names."""
    if "ids" not in given:
        return _narrowed(before, given)
    return await asyncio.to_thread(_narrowed, before, given)  # they may be many


def _narrowed(before: Audience, given: Conditions) -> Audience:
    try:
        conditions = msgspec.convert(given, Audience)
    except msgspec.ValidationError as error:
        raise ArgumentError("audience", str(error)) from None
    if len(conditions.ids or ()) > MOST_IDS:
        raise ContentError(
            f"it names {len(conditions.ids or ()):,} recipients",
            f"name at most {MOST_IDS:,}, and make one broadcast for each such list",
        )
    changes = {name: getattr(conditions, name) for name in given}
    if "languages" in changes:
        changes["languages"] = tuple(map(_language, changes["languages"]))
    if changes.get("ids") is not None:
        changes["ids"] = tuple(sorted(set(changes["ids"])))
    return replace(before, **changes)


def _language(code: str) -> str:
    known = languages.read(code)
    if known is None:
        raise ArgumentError("audience", f"{code[:20]!r} is no code of a language, such as ru or pt-br")
    return str(known).lower()


def _definition(broadcast: Broadcast) -> dict[str, object]:
    """Return what a broadcast is, as JSON holds it: without its texts, and without the ids of people."""
    conditions = asdict(broadcast.audience)
    if broadcast.audience.ids is not None:
        conditions["ids"] = len(broadcast.audience.ids)
    return {
        "created": broadcast.created,
        "contents": {code: _described(content) for code, content in broadcast.contents.items()},
        "buttons": [asdict(button) for button in broadcast.buttons],
        "audience": {name: value for name, value in conditions.items() if value not in (None, "", ())},
        "preview": broadcast.preview,
        "silent": broadcast.silent,
        "rate": broadcast.rate,
        "paid": broadcast.paid,
        "tests": broadcast.tests,
    }


def _described(content: Content) -> dict[str, object]:
    source = content.source
    return {
        "messages": len(content.parts) or None,
        "characters": sum(len(part.text) for part in content.parts) if content.parts else None,
        "media": sum(bool(part.media) for part in content.parts),
        "copy_of": None if source is None else {"chat": source.chat, "message": source.message},
    }
