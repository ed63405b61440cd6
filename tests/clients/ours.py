"""A person on the library under test talks to a tgbot."""

from __future__ import annotations

from pathlib import Path

from tests.clients.checks import Scene
from tests.clients.players import ROOT, CheckError
from tgbot.testing.bot import Bot


async def conversation(scene: Scene, directory: Path, *, killed: bool) -> None:
    """Start a tgbot, press its button and see the message change; maybe be heard after it was killed.

    One that is to be killed is the real command, a process of its own; else it runs here, which is quicker.
    """
    person, plugins = scene.tested, {"bot": {"plugins": ["tests.testing.shop"]}}
    bot = Bot(
        scene.sandbox,
        plugins,
        directory=directory,
        project=ROOT,
        username="ours_bot",
        name="Ours",
        in_process=not killed,
    )
    try:
        await bot.start()
        await person.do("start", to=bot.username, payload="spring")
        greeting = await person.heard.next("message", chat=bot.id)
        if "Ann" not in greeting["text"]:
            raise CheckError("the bot greeted somebody else")
        await person.do("send", to=bot.username, text="/order")
        question = await person.heard.next("message", text="Which size?", labels=[["S", "M"]])
        answer = await person.do("press", chat=bot.id, id=question["id"], data="M")
        if answer["text"] != "You chose M":
            raise CheckError(f"the press was answered with {answer['text']!r}")
        await person.heard.next("edited", id=question["id"], text="Size M")
        if killed:
            await bot.kill()
        await person.do("send", to=bot.username, text="echo once more")
        await person.heard.next("message", text="echo once more")
    finally:
        await bot.close()
