"""Random clicks on the page, recorded and saved as tests: `python -m tests.testing.clicks [COUNT [SEED]]`.

Each recording has a bot and a sandbox of its own. Every fifth one runs the bot as a process and kills it. At
the end pytest runs all the tests that were saved, in one go.
"""

from __future__ import annotations

import asyncio
import base64
import io
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image
from telethon.tl import types

from tests.sandbox.page.conftest import Asked, opened
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.dialogs import Copy
from tgbot.sandbox.exchange import ServerKey
from tgbot.sandbox.page.page import Page
from tgbot.sandbox.page.records import Origin
from tgbot.sandbox.server import Sandbox
from tgbot.store.sqlite.copies import copies, put_back
from tgbot.testing.bot import Bot

PLUGINS: Final = ["tests.testing.mirror", "examples.menu", "examples.order", "tgbot.demo.sums"]
ROOT: Final = Path(__file__).parents[2]
USERNAME, NAME = "clicks_bot", "Clicks"
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
#: How many things are done in one recording.
LEAST, MOST = 6, 16


class OfTest:
    """The bot of `tgbot.testing`, as the page kills and starts it."""

    def __init__(self, bot: Bot) -> None:
        self._bot = bot
        self.bot = bot.id
        self.held = ""
        self.status: int | None = None

    @property
    def pid(self) -> int | None:
        return 1 if self._bot.running else None

    @property
    def lines(self) -> Sequence[str]:
        return self._bot.logs

    async def start(self) -> None:
        await self._bot.start()

    async def kill(self) -> None:
        await self._bot.kill(start=False)
        self.status = -signal.SIGKILL

    async def stop(self) -> None:
        await self._bot.stop()
        self.status = 0

    def copies(self) -> Mapping[str, bytes]:
        return copies(self._bot.directory)

    def put_back(self, copied: Mapping[str, bytes]) -> None:
        put_back(self._bot.directory, copied)

    async def handled(self, pts: int, qts: int) -> bool:
        await self._bot.ask("caught_up", pts=pts, qts=qts, channels={})
        return True


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


class Recordings:
    """Makes recordings, one after another, and saves them in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._key = ServerKey.generate()

    async def make(self, seed: int) -> Path:
        """Make the recording of a seed; return the file of the test."""
        chance = random.Random(seed)
        kills = seed % 5 == 0
        files = self.directory / "bots" / str(seed)
        files.mkdir(parents=True)
        marker = {"plugins": PLUGINS, "username": USERNAME, "name": NAME}
        async with Sandbox(key=self._key) as sandbox:
            bot = Bot(
                sandbox,
                {"bot": {"plugins": PLUGINS}},
                directory=files,
                project=ROOT,
                username=USERNAME,
                name=NAME,
                in_process=not kills,
            )
            await bot.start()
            try:
                page = Page(sandbox, program=OfTest(bot), origin=lambda: Origin(marker))
                async with page, opened(page) as open_tab:
                    tab = await open_tab()
                    await Clicks(sandbox, bot, tab, chance).do(chance.randrange(LEAST, MOST), kills)
                    name = f"seed_{seed}"
                    saved = await tab.ask("save_test", name=name, in_process=not kills)
            finally:
                await bot.close()
        assert "error" not in saved, f"seed {seed}: {saved}"
        file = self.directory / str(saved["file"])
        file.write_text(saved["text"], encoding="utf-8")
        if saved["left_out"]:
            print(f"seed {seed}, not in the test: {'; '.join(saved['left_out'])}")
        return file


def run(directory: Path, *options: str) -> tuple[int, list[str], str]:
    """Run the tests of a directory; return how many passed, the names of those that failed, the output."""
    (directory / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
        "tgbot_config = none.toml\n"
    )
    plugin = [] if "tgbot" in _installed() else ["-p", "tgbot.testing.plugin"]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rf",
            "--tb=short",
            *plugin,
            *options,
            ".",
        ],
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    passed = re.search(r"(\d+) passed", ran.stdout)
    failed = re.findall(r"^FAILED (\S+)", ran.stdout, re.MULTILINE)
    return int(passed[1]) if passed else 0, failed, ran.stdout + ran.stderr


def _installed() -> set[str]:
    from importlib.metadata import entry_points

    return {each.name for each in entry_points(group="pytest11")}


async def main(count: int, seed: int) -> int:
    directory = Path(tempfile.mkdtemp(prefix="tgbot-clicks-"))
    recordings = Recordings(directory)
    for number in range(seed, seed + count):
        await recordings.make(number)
        print(f"\r{number - seed + 1} recordings", end="", flush=True)
    passed, failed, output = await asyncio.to_thread(run, directory)
    if failed or passed != count:
        print(output)
    print(f"\n{count} recordings from seed {seed}: {passed} passed, {len(failed)} failed {' '.join(failed)}")
    print(f"They are in {directory}.")
    return 0 if passed == count else 1


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    sys.exit(asyncio.run(main(*[*numbers, *(100, 1)[len(numbers) :]])))
