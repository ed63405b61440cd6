"""People on a page who do sensible things at random."""

from __future__ import annotations

import asyncio
import base64
import io
import random
from collections.abc import Mapping
from typing import Any, Final

from PIL import Image
from telethon.tl import types

from tests.sandbox.page.conftest import Asked
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.dialogs import Copy
from tgbot.sandbox.server import Sandbox
from tgbot.testing.bot import Bot

USERNAME: Final = "clicks_bot"
#: What people write.
TEXTS: Final = (
    "/start",
    "/help",
    "/menu",
    "/order",
    "/language",
    "/cancel",
    "Baker street 221",
    "2 + 3",
    "17 + 25",
    "Hello! Is anybody there?",
    "Привет",
    'quotes "and" \\backslashes\\ (and) [brackets]',
    "two\nlines",
)
#: What has no text that could be changed.
_WITHOUT_TEXT: Final = types.MessageMediaContact, types.MessageMediaGeo
#: Errors that people may get; any other one is a mistake of the clicks.
REFUSED: Final = frozenset({"", "BOT_RESPONSE_TIMEOUT", "MESSAGE_NOT_MODIFIED", "YOU_BLOCKED_USER"})


class Clicks:
    """People on a page who do sensible things at random; `chance` decides which."""

    def __init__(self, sandbox: Sandbox, bot: Bot, tab: Asked, chance: random.Random) -> None:
        self._world = sandbox.world
        self._bot = bot
        self._tab = tab
        self._random = chance
        self._people: list[int] = []
        #: The group that they are in, and who of them is.
        self._group: Chat | None = None
        self._members: list[int] = []

    async def do(self, count: int, kills: bool) -> None:
        """Do so many things."""
        for _ in range(count):
            await self._one(kills)
            if self._random.random() < 0.7:
                await self._bot.finished() if self._bot.running else await asyncio.sleep(0)
        if not self._bot.running:
            await self._tab.ask("bot_start")

    async def _one(self, kills: bool) -> None:
        if not self._people or (len(self._people) < 3 and self._random.random() < 0.2):
            await self._new()
        who = self._random.choice(self._people)
        buttons = self._buttons(who)
        acts = [self._say] * 6 + [self._start, self._edit, self._block, self._rename, self._send]
        acts += [
            self._reply,
            self._reply,
            self._forward,
            self._photo,
            self._file,
            self._album,
            self._formatted,
            *[self._meet] * 3,
        ]
        if buttons and self._bot.running:
            acts += [self._press] * 8
        if kills:
            acts += [self._kill] * 3
        act = self._random.choice(acts)
        if self._bot.running and act in (self._edit, self._block, self._rename, self._press, self._meet):
            await self._bot.finished()  # who does this has seen the answer
        await act(who)

    async def _new(self) -> None:
        number = len(self._people)
        name = ("Anna", "Борис", "class")[number]
        added = await self._tab.ask(
            "add",
            name=name,
            last_name=self._random.choice(("", "Smith")),
            username=self._random.choice(("", f"person_{number}")),
            language=self._random.choice(("", "en", "ru")),
            premium=self._random.random() < 0.2,
        )
        self._people.append(added["id"])
        await self._say(added["id"])

    def _peer(self, who: int) -> dict[str, object]:
        return self._user(who, self._bot.id)

    async def _call(self, who: int, name: str, /, **fields: Any) -> None:  # Any: JSON
        answer = await self._tab.call(who, name, **fields)
        error = answer["error"]["name"] if isinstance(answer, dict) and "error" in answer else ""
        assert error in REFUSED, f"{name}: {error}"

    def _name(self) -> str:
        return str(self._random.getrandbits(62))

    async def _say(self, who: int, **more: object) -> None:
        text = self._random.choice(TEXTS)
        await self._call(
            who, "messages.sendMessage", peer=self._peer(who), message=text, random_id=self._name(), **more
        )

    async def _start(self, who: int) -> None:
        peer = self._peer(who)
        user = {**peer, "_": "inputUser"}
        start = self._random.choice(("spring", "a-b_c"))
        name = self._name()
        await self._call(who, "messages.startBot", bot=user, peer=peer, random_id=name, start_param=start)

    async def _reply(self, who: int) -> None:
        if history := self._copies(who):
            number = self._random.choice(history).id
            await self._say(who, reply_to={"_": "inputReplyToMessage", "reply_to_msg_id": number})

    async def _meet(self, who: int) -> None:
        """Do something in a group, which the first one who does opens."""
        if self._group is None:
            await self._open(who)
            return
        if who not in self._members:
            link = self._world.groups.invite(self._group, self._group.creator, request_needed=False)
            self._members.append(who)
            await self._call(who, "messages.importChatInvite", hash=link.hash)
            return
        copies = [copy for copy in self._group.box if copy.post.action is None]
        pressed = [copy for copy in copies if copy.post.markup is not None]
        if pressed and self._bot.running and self._random.random() < 0.5:
            number, data = pressed[-1].id, base64.b64encode(b"look").decode()
            name, peer = "messages.getBotCallbackAnswer", self._place(who)
            await self._call(who, name, peer=peer, msg_id=number, data=data)
            return
        text, reply = f"/mirror@{USERNAME}", {}
        if copies and self._random.random() < 0.5:
            number = self._random.choice(copies).id
            text = self._random.choice(TEXTS)
            reply = {"reply_to": {"_": "inputReplyToMessage", "reply_to_msg_id": number}}
        name = self._name()
        peer = self._place(who)
        await self._call(who, "messages.sendMessage", peer=peer, message=text, random_id=name, **reply)

    async def _open(self, who: int) -> None:
        made = await self._tab.call(who, "channels.createChannel", title="Friends", about="", megagroup=True)
        self._group = next(chat for chat in self._world.chats.values() if chat.title == "Friends")
        assert "error" not in made
        others = [{**self._user(who, other), "_": "inputUser"} for other in self._people if other != who]
        bot = {**self._peer(who), "_": "inputUser"}
        place = {**self._place(who), "_": "inputChannel"}
        self._members = [*self._people]
        await self._call(who, "channels.inviteToChannel", channel=place, users=[bot, *others])
        if self._random.random() < 0.3:
            rights = {"_": "chatAdminRights", "invite_users": True, "delete_messages": True}
            await self._call(
                who, "channels.editAdmin", channel=place, user_id=bot, admin_rights=rights, rank=""
            )

    def _place(self, who: int) -> dict[str, object]:
        assert self._group is not None
        access = self._world.accounts.access_hash(who, self._group.id, kind=b"channel")
        return {"_": "inputPeerChannel", "channel_id": str(self._group.id), "access_hash": str(access)}

    def _user(self, who: int, other: int) -> dict[str, object]:
        access = self._world.accounts.access_hash(who, other)
        return {"_": "inputPeerUser", "user_id": other, "access_hash": str(access)}

    async def _forward(self, who: int) -> None:
        if history := self._copies(who):
            peer, number = self._peer(who), self._random.choice(history).id
            ends = {"from_peer": peer, "to_peer": peer}
            await self._call(who, "messages.forwardMessages", **ends, id=[number], random_id=[self._name()])

    async def _upload(self, who: int, content: bytes, name: str) -> dict[str, object]:
        file, shown = self._name(), base64.b64encode(content).decode()
        await self._call(who, "upload.saveFilePart", file_id=file, file_part=0, bytes=shown)
        return {"_": "inputFile", "id": file, "parts": 1, "name": name, "md5_checksum": ""}

    async def _picture(self, who: int) -> dict[str, object]:
        # A picture of a size and colour of its own; the largest do not fit in a test.
        size = self._random.choice((1, 30, 700))
        colour = tuple(self._random.randrange(256) for _ in range(3))
        drawn = io.BytesIO()
        Image.new("RGB", (size, size), colour).save(drawn, "PNG")
        return {
            "_": "inputMediaUploadedPhoto",
            "file": await self._upload(who, drawn.getvalue(), "picture.png"),
        }

    async def _photo(self, who: int) -> None:
        media, caption = await self._picture(who), self._random.choice(("", "my cat"))
        await self._media(who, media, message=caption, **self._answering(who))

    async def _file(self, who: int) -> None:
        name, kind = self._random.choice((("notes.txt", "text/plain"), ("tables.bin", "application/pdf")))
        content = self._random.randbytes(self._random.choice((1, 300, 3000, 6000)))
        media = {
            "_": "inputMediaUploadedDocument",
            "file": await self._upload(who, content, name),
            "mime_type": kind,
            "attributes": [{"_": "documentAttributeFilename", "file_name": name}],
        }
        await self._media(who, media, message="")

    async def _album(self, who: int) -> None:
        peer, items = self._peer(who), []
        for number in range(self._random.randrange(2, 4)):
            stored = await self._tab.call(
                who, "messages.uploadMedia", peer=peer, media=await self._picture(who)
            )
            photo = {name: stored["photo"][name] for name in ("id", "access_hash", "file_reference")}
            items.append(
                {
                    "_": "inputSingleMedia",
                    "media": {"_": "inputMediaPhoto", "id": {"_": "inputPhoto", **photo}},
                    "random_id": self._name(),
                    "message": "my cats" if number == 0 else "",
                }
            )
        await self._call(who, "messages.sendMultiMedia", peer=peer, multi_media=items, **self._answering(who))

    async def _formatted(self, who: int) -> None:
        kind = self._random.choice(("Bold", "Italic", "Spoiler", "Code", "TextUrl"))
        link = {"url": "https://example.org/"} if kind == "TextUrl" else {}
        entity = {"_": f"messageEntity{kind}", "offset": 0, "length": 5, **link}
        text, peer = "Large or small?", self._peer(who)
        own = [copy for copy in self._copies(who) if copy.out and copy.post.text == text]
        if own and self._random.random() < 0.5:
            if self._bot.running:
                await self._bot.finished()
            changed = "Small it is", self._random.choice(own).id
            await self._call(
                who, "messages.editMessage", peer=peer, message=changed[0], id=changed[1], entities=[entity]
            )
        else:
            await self._call(
                who,
                "messages.sendMessage",
                peer=peer,
                message=text,
                random_id=self._name(),
                entities=[entity],
                **self._answering(who),
            )

    def _answering(self, who: int) -> dict[str, object]:
        """Return the field that makes some messages a reply."""
        history = self._copies(who)
        if not history or self._random.random() < 0.5:
            return {}
        number = self._random.choice(history).id
        return {"reply_to": {"_": "inputReplyToMessage", "reply_to_msg_id": number}}

    async def _media(self, who: int, media: Mapping[str, object], **more: object) -> None:
        await self._call(
            who, "messages.sendMedia", peer=self._peer(who), media=media, random_id=self._name(), **more
        )

    async def _edit(self, who: int) -> None:
        own = [
            copy
            for copy in self._copies(who)
            if copy.out and copy.post.own_text is None and copy.post.forwarded is None
        ]
        own = [copy for copy in own if not isinstance(copy.post.media, _WITHOUT_TEXT)]
        if own:
            number = self._random.choice(own).id
            text = f"changed {self._random.randrange(100)}"
            await self._call(who, "messages.editMessage", peer=self._peer(who), id=number, message=text)

    async def _block(self, who: int) -> None:
        blocked = self._bot.id in self._world.accounts[who].blocked
        name = "contacts.unblock" if blocked else "contacts.block"
        await self._call(who, name, id=self._peer(who))

    async def _rename(self, who: int) -> None:
        last_name = self._random.choice(("", "Jones"))
        await self._tab.ask("change", account=who, name="Alex", last_name=last_name)

    async def _send(self, who: int) -> None:
        contact = {"phone_number": "4912345", "first_name": "Doc", "last_name": "", "vcard": ""}
        place = {"_": "inputGeoPoint", "lat": 52.5, "long": 13.25}
        media: dict[str, object]
        if self._random.random() < 0.5:
            media = {"_": "inputMediaContact", **contact}
        else:
            media = {"_": "inputMediaGeoPoint", "geo_point": place}
        await self._media(who, media, message="")

    async def _press(self, who: int) -> None:
        if not (buttons := self._buttons(who)):
            return
        number, data = self._random.choice(buttons)
        shown = base64.b64encode(data).decode()
        await self._call(
            who, "messages.getBotCallbackAnswer", peer=self._peer(who), msg_id=number, data=shown
        )

    async def _kill(self, who: int) -> None:
        await self._tab.ask("bot_kill" if self._bot.running else "bot_start")

    def _copies(self, who: int) -> list[Copy]:
        box = self._world.accounts[who].box
        copies = [box.get(number) for number in box.history(self._bot.id)]
        return [copy for copy in copies if copy is not None and copy.post.action is None]

    def _buttons(self, who: int) -> list[tuple[int, bytes]]:
        """Return the buttons of the newest message with some, as its id and their data."""
        for copy in reversed(self._copies(who)):
            found = [
                (copy.id, button.type.data)
                for row in getattr(copy.post.markup, "rows", ())
                for button in row.buttons
                if hasattr(button.type, "data")
            ]
            if found:
                return found
        return []
