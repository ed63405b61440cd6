"""What a client must be able to do on the sandbox, as a bot and as a person."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.clients.players import CheckError, Player, Program
from tgbot.sandbox.server import Sandbox

#: A text with letters of several alphabets, and characters that take two units of UTF-16.
_LONG: Final = "привет, 𝕊 😀 " * 40
#: How many messages a client misses while it is away.
_MISSED: Final = 3


@dataclass(frozen=True)
class Scene:
    """A dialog of a bot and a person; one of the two is under test."""

    sandbox: Sandbox
    bot: Player
    person: Player
    #: The one under test.
    tested: Program
    other: Player
    #: Where files are kept.
    directory: Path

    def where(self, player: Player) -> str:
        """Return to whom a player writes in this dialog."""
        return self.person.username if player is self.bot else self.bot.username

    async def says(self, player: Player, text: str) -> dict[str, Any]:
        """Have a player write; return the message as the one who hears it has it."""
        await player.do("send", to=self.where(player), text=text)
        return await self._listener(player).heard.next("message", text=text)

    def _listener(self, player: Player) -> Player:
        return self.person if player is self.bot else self.bot


Check = Callable[[Scene], Awaitable[None]]


async def text(scene: Scene) -> None:
    """Texts go both ways."""
    for words in ("hello", _LONG):
        await scene.says(scene.person, words.strip())
        await scene.says(scene.bot, f"you said: {words.strip()}")


async def start(scene: Scene) -> None:
    """Start, pressed in a dialog that a link with a payload has opened, sends the payload."""
    await scene.person.do("start", to=scene.bot.username, payload="from-a-link")
    await scene.bot.heard.next("message", text="/start from-a-link")


async def _keyboard(scene: Scene) -> dict[str, Any]:
    buttons = [[["one", "data-1"], ["two", "data-2"]], [["three", "data-3"]]]
    await scene.bot.do("send", to=scene.person.username, text="choose", buttons=buttons)
    return await scene.person.heard.next("message", text="choose")


async def keyboard(scene: Scene) -> None:
    """The buttons of a message arrive as they were sent."""
    _same((await _keyboard(scene))["labels"], [["one", "two"], ["three"]])


async def callback(scene: Scene) -> None:
    """A pressed button reaches the bot, and the bot's answer the person."""
    choice = await _keyboard(scene)
    pressing = asyncio.create_task(
        scene.person.do("press", chat=choice["chat"], id=choice["id"], data="data-2")
    )
    try:
        press = await _unless_ended(scene.bot.heard.next("press", data="data-2"), pressing)
        await scene.bot.do("answer_press", query=press["query"], text="pressed")
        _same((await pressing)["text"], "pressed")
    finally:
        pressing.cancel()


async def upload(scene: Scene) -> None:
    """A file and a photo that the client sends arrive."""
    await _transfer(scene, scene.tested, scene.other)


async def download(scene: Scene) -> None:
    """The client reads a file and a photo that it was sent."""
    await _transfer(scene, scene.other, scene.tested)


async def _transfer(scene: Scene, sender: Player, reader: Player) -> None:
    sent = {
        False: random.Random(5).randbytes(700_000),
        True: (Path(__file__).parent / "photo.jpg").read_bytes(),
    }
    for photo, content in sent.items():
        name = f"{'photo.jpg' if photo else 'file.bin'}"
        there, here = scene.directory / name, scene.directory / f"read-{name}"
        there.write_bytes(content)
        here.unlink(missing_ok=True)
        await sender.do("upload", to=scene.where(sender), path=str(there), photo=photo)
        message = await reader.heard.next("message", media=True)
        await reader.do("download", chat=message["chat"], id=message["id"], path=str(here))
        got = here.read_bytes()
        # Photos may be made anew; files may not.
        if photo and not got.startswith(b"\xff\xd8"):
            raise CheckError(f"the photo is no picture: {len(got)} bytes")
        if not photo and got != content:
            raise CheckError(f"the file has {len(got)} bytes, or others: {len(content)} were sent")


async def edit(scene: Scene) -> None:
    """A message is changed, and who has it sees so."""
    for player, listener in ((scene.bot, scene.person), (scene.person, scene.bot)):
        before = f"before, by {player.username}"
        sent = await player.do("send", to=scene.where(player), text=before)
        message = await listener.heard.next("message", text=before)
        await player.do("edit", chat=listener.id, id=sent["id"], text="after")
        await listener.heard.next("edited", id=message["id"], text="after")


async def delete(scene: Scene) -> None:
    """A message is deleted, and who had it sees so."""
    for player, listener in ((scene.bot, scene.person), (scene.person, scene.bot)):
        words = f"soon gone, by {player.username}"
        sent = await player.do("send", to=scene.where(player), text=words)
        message = await listener.heard.next("message", text=words)
        await player.do("delete", chat=listener.id, id=sent["id"])
        if listener is scene.person:  # bots are not told of deletions in private chats
            await listener.heard.next("deleted", ids=[message["id"]])
        elif message["id"] in {copy.id for copy in scene.sandbox.world.accounts[listener.id].box}:
            raise CheckError("the message is still there")


async def groups(scene: Scene) -> None:
    """A person makes a group with the bot, and messages go both ways."""
    made = await scene.person.do("create_group", title="Friends", users=[scene.bot.username])
    command = f"/hello@{scene.bot.username}"
    await scene.person.do("send", to=made["chat"], text=command)
    heard = await scene.bot.heard.next("message", text=command)
    await scene.bot.do("send", to=heard["chat"], text="hello, all")
    await scene.person.heard.next("message", text="hello, all", chat=made["chat"])


async def inline(scene: Scene) -> None:
    """A person asks a bot from the input field, and sends what it offers."""
    asking = asyncio.create_task(scene.person.do("ask_inline", bot=scene.bot.username, text="cats"))
    try:
        query = await _unless_ended(scene.bot.heard.next("inline", text="cats"), asking)
        await scene.bot.do("answer_inline", query=query["query"], title="A cat", text="this is a cat")
        found = await asking
    finally:
        asking.cancel()
    ((result, title),) = found["results"]
    _same(title, "A cat")
    await scene.person.do("send_inline", to=scene.bot.username, query=found["query"], result=result)
    await scene.bot.heard.next("message", text="this is a cat")


async def polls(scene: Scene) -> None:
    """A bot sends a poll, a person votes, and the bot is told."""
    await scene.bot.do("poll", to=scene.person.username, question="Tea?", options=["yes", "no"])
    poll = await scene.person.heard.next("message", media=True)
    await scene.person.do("vote", chat=poll["chat"], id=poll["id"], option=1)
    await scene.bot.heard.next("vote", options=1)


async def reactions(scene: Scene) -> None:
    """A bot and a person react to each other's messages."""
    for player, listener, emoji in ((scene.bot, scene.person, "👍"), (scene.person, scene.bot, "❤")):
        words = f"how is that, {player.username}?"
        await listener.do("send", to=scene.where(listener), text=words)
        message = await player.heard.next("message", text=words)
        await player.do("react", chat=message["chat"], id=message["id"], emoji=emoji)
        await listener.heard.next("reaction", emoji=[emoji])


async def restart(scene: Scene) -> None:
    """What was sent while the client was stopped arrives at its next start, once; so does what follows."""
    await scene.tested.leave()
    texts = [f"while you were away, {number}" for number in range(_MISSED)]
    for words in texts:
        await scene.other.do("send", to=scene.where(scene.other), text=words)
    await scene.tested.start()
    await scene.tested.do("login")
    await _all_once(scene, texts)


async def cut(scene: Scene) -> None:
    """What was sent while the connection was cut arrives, once, and so does what follows."""
    dropped = scene.sandbox.connections_of(scene.tested.id)
    scene.sandbox.drop(scene.tested.id)
    # No time passes before the last of these: the client cannot have connected again.
    texts = [f"on a cut line, {number}" for number in range(_MISSED)]
    for words in texts:
        scene.sandbox.world.send_as(scene.other.id, scene.tested.id, words)
    # A client that fetches what it has missed only when it sees a gap needs a message on the new connection.
    while not _is_back(scene, dropped):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.01)
    await _all_once(scene, texts)


async def errors(scene: Scene) -> None:
    """The library names the error of a bot that writes to who has blocked it."""
    scene.sandbox.world.block(scene.person.id, scene.bot.id)
    try:
        await scene.bot.do("send", to=scene.person.username, text="are you there?")
    except Exception as error:
        if "block" not in f"{type(error).__name__} {error}".lower():
            raise
    else:
        raise CheckError("a blocked bot could write")
    finally:
        scene.sandbox.world.block(scene.person.id, scene.bot.id, blocked=False)


def _is_back(scene: Scene, dropped: Sequence[object]) -> bool:
    """Return whether the client has a new connection, on which it gets updates."""
    new = [each for each in scene.sandbox.connections_of(scene.tested.id) if each not in dropped]
    return bool(new and scene.sandbox.sessions_of(scene.tested.id))


async def _all_once(scene: Scene, texts: list[str]) -> None:
    # Some libraries notice a gap only by the next message.
    last = f"and now, after {texts[0]!r}"
    await scene.other.do("send", to=scene.where(scene.other), text=last)
    for words in (*texts, last):
        await scene.tested.heard.next("message", text=words)
    told = [one["text"] for one in scene.tested.heard.all if one["event"] == "message"]
    _same([words for words in told if words in texts], texts)


async def _unless_ended(wanted: Any, task: asyncio.Task[Any]) -> Any:
    """Return what is wanted; fail with the task's error if the task ends before."""
    waiting = asyncio.ensure_future(wanted)
    await asyncio.wait((waiting, task), return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    task.result()
    raise CheckError("it was answered before the bot was asked")


def _same(got: object, wanted: object) -> None:
    if got != wanted:
        raise CheckError(f"got {got!r} instead of {wanted!r}")


#: The checks of a dialog, by the name that the table has, in the order in which they take place.
CHECKS: Final[dict[str, Check]] = {
    "text": text,
    "start": start,
    "keyboard": keyboard,
    "callback": callback,
    "upload": upload,
    "download": download,
    "edit": edit,
    "delete": delete,
    "groups": groups,
    "inline": inline,
    "polls": polls,
    "reactions": reactions,
    "errors": errors,
    "cut": cut,
    "restart": restart,
}
