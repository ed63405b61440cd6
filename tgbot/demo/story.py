"""What happens, scene by scene: each waits for what it shows."""

from __future__ import annotations

import asyncio
from typing import Any

from tgbot.demo.browser import open_browser
from tgbot.demo.person import Person
from tgbot.demo.process import BotProcess
from tgbot.demo.stage import Stage, StoryError
from tgbot.locales.texts import Texts

#: What Anna and Boris ask around the crash; the last ones are asked while nobody is there to answer.
SUMS = {"Anna": ["1 + 1", "2 + 3", "5 + 8", "13 + 21"], "Boris": ["2 + 2", "4 + 4", "8 + 8", "16 + 16"]}


class Story:
    """The scenes; `bot` is the bot's username."""

    def __init__(self, stage: Stage, bot: str) -> None:
        self._stage = stage
        self._bot = bot
        self._texts = Texts.load()

    async def acquaintance(self, anna: Person, boris: Person) -> None:
        """A start by a link, a first message without one, a block, a new name."""
        stage = self._stage
        stage.scene(f"Anna opens t.me/{self._bot}?start=spring and presses Start.")
        await anna.start("spring")
        await anna.hears("Hello, Anna!")

        stage.scene(
            "Boris begins with something else than /start. His app is in Russian, and so is the answer."
        )
        await boris.say("Привет! Есть здесь кто-нибудь?")
        await boris.hears("/help")

        stage.scene("Boris blocks the bot, and Anna asks it to check.")
        await boris.block()
        await anna.say("/check @boris_demo")
        await anna.hears(self._said("en", "access-blocked"))

        stage.scene("Boris unblocks it, and Anna asks again.")
        await boris.unblock()
        await anna.say("/check @boris_demo")
        await anna.hears(self._said("en", "access-reachable"))

        stage.scene("Boris is @boris_by_the_sea from now on, and says hello.")
        await boris.rename("boris_by_the_sea")
        await boris.say("/start")
        await boris.hears("Boris")

        stage.scene("Anna asks who has the new name, and who the old one.")
        await anna.say("/resolve @boris_by_the_sea")
        await anna.hears(str(boris.id))
        await anna.say("/resolve @boris_demo")
        await anna.hears("@boris_demo")

    async def languages(self, boris: Person) -> None:
        """Somebody prefers another language than the app's."""
        self._stage.scene("Boris would rather practise his English.")
        await boris.say("/language")
        await boris.hears(self._said("ru", "language-choose"))
        self._stage.tells("Boris presses [English].")
        if await boris.press("English") != self._said("en", "language-chosen"):
            raise StoryError("the bot should have taken Boris's choice")
        await boris.say("/start")
        await boris.hears(self._said("en", "start-welcome-back", name="Boris"))

    async def join_request(self, anna: Person, daria: Person) -> None:
        """Somebody whom the bot never met asks to join, is written to, and let in."""
        self._stage.scene("Anna opens a chess club that one asks to join; the bot looks after the requests.")
        invite = await anna.opens_group("Chess Club")
        self._stage.tells(
            "Daria asks to join. She never wrote to the bot, and for five minutes it may write."
        )
        await daria.asks_to_join(invite)
        await daria.hears("Chess Club")
        await daria.say("/start")
        await daria.hears("Daria")
        await daria.hears(self._said("ru", "join-admitted", chats=1))

    async def login(self, clara: Person, site: str) -> None:
        """Somebody whom the bot never met logs in on its page, and lets it write."""
        stage = self._stage
        stage.scene(f"Clara opens {site}/, the bot's login page.")
        async with open_browser() as browser:
            page = await browser.read(f"{site}/")
            stage.says("page", "Clara", f"{page.heading}\n{page.paragraphs[0]}")
            stage.tells("Clara presses the button, and in Telegram's window lets the bot write to her.")
            # The page tells whether the bot has written, so the two come together, in either order.
            page, _ = await asyncio.gather(browser.log_in(page, clara.phone), clara.hears("Hello, Clara!"))
            stage.says("page", "Clara", f"{page.heading}\n{page.paragraphs[0]}")

    async def crash(self, people: list[Person], bot: BotProcess) -> None:
        """The bot is killed in the middle of a talk, and everybody is answered once."""
        stage = self._stage
        stage.scene(
            "Anna and Boris ask for sums, which a plugin adds. At the first answer the bot is killed."
        )
        asking = [asyncio.create_task(_ask(person, SUMS[person.name][:-1])) for person in people]
        first, *_ = people
        await first.hears(_answer(SUMS[first.name][0]))
        await bot.kill()
        stage.tells("kill -9: the bot is gone, without a chance to write anything down.")
        await asyncio.gather(*asking)
        for person in people:
            await person.say(SUMS[person.name][-1])
        stage.tells("The bot is started again.")
        await bot.start()
        for person in people:
            for question in SUMS[person.name][person is first :]:
                # What was answered before would come in between if it came twice.
                await person.hears(_answer(question))
        number = sum(len(SUMS[person.name]) for person in people)
        stage.tells(f"{number} questions, {number} answers: none is missing, none came twice.")

    def _said(self, language: str, text: str, **values: Any) -> str:
        return self._texts.render(language, text, **values)


async def _ask(person: Person, questions: list[str]) -> None:
    for question in questions:
        await person.say(question)


def _answer(question: str) -> str:
    one, other = question.split(" + ")
    return f"{question} = {int(one) + int(other)}"
