"""The scenes of the story. Each one waits for the messages that it shows."""

from __future__ import annotations

import asyncio

from tgbot.demo.browser import log_in, open_browser, read
from tgbot.demo.person import Person
from tgbot.demo.process import BotProcess
from tgbot.demo.stage import Stage, StoryError
from tgbot.locales.texts import Texts

#: The questions of Anna and Boris around the crash; the last ones are asked while the bot is down.
SUMS = {"Anna": ["1 + 1", "2 + 3", "5 + 8", "13 + 21"], "Boris": ["2 + 2", "4 + 4", "8 + 8", "16 + 16"]}


class Story:
    """The scenes; `bot` is the bot's username."""

    def __init__(self, stage: Stage, bot: str) -> None:
        self._stage = stage
        self._bot = bot
        self._texts = Texts.load()

    async def acquaintance(self, anna: Person, boris: Person) -> None:
        """Play a start through a link, another first message, a block, a new username."""
        stage = self._stage
        stage.scene(f"Anna opens t.me/{self._bot}?start=spring and presses Start.")
        await anna.start("spring")
        await anna.expect("Hello, Anna!")

        stage.scene("Boris writes before any /start. His app is in Russian, so the bot answers in Russian.")
        await boris.say("Привет! Есть здесь кто-нибудь?")
        await boris.expect("/help")

        stage.scene("Boris blocks the bot. Anna asks the bot to check.")
        await boris.block()
        await anna.say("/check @boris_demo")
        await anna.expect(self._text("en", "access-blocked"))

        stage.scene("Boris unblocks the bot. Anna asks again.")
        await boris.unblock()
        await anna.say("/check @boris_demo")
        await anna.expect(self._text("en", "access-reachable"))

        stage.scene("Boris changes his username to @boris_by_the_sea and writes again.")
        await boris.rename("boris_by_the_sea")
        await boris.say("/start")
        await boris.expect("Boris")

        stage.scene("Anna looks up the new username, then the old one.")
        await anna.say("/resolve @boris_by_the_sea")
        await anna.expect(str(boris.id))
        await anna.say("/resolve @boris_demo")
        await anna.expect("@boris_demo")

    async def languages(self, boris: Person) -> None:
        """Play a change of language."""
        self._stage.scene("Boris prefers English.")
        await boris.say("/language")
        await boris.expect(self._text("ru", "language-choose"))
        self._stage.note("Boris presses [English].")
        if await boris.press("English") != self._text("en", "language-chosen"):
            raise StoryError("the bot did not accept Boris's choice")
        await boris.say("/start")
        await boris.expect(self._text("en", "start-welcome-back", name="Boris"))

    async def join_request(self, anna: Person, daria: Person) -> None:
        """Play a join request of a user who has never written to the bot."""
        self._stage.scene(
            "Anna opens a chess club. Members must ask to join, and the bot handles the requests."
        )
        invite = await anna.open_group("Chess Club")
        self._stage.note(
            "Daria asks to join. She has never written to the bot, but for five minutes it may write to her."
        )
        await daria.request_to_join(invite)
        await daria.expect("Chess Club")
        await daria.say("/start")
        await daria.expect("Daria")
        chat = self._text("ru", "join-chat", title="Chess Club")
        await daria.expect(self._text("ru", "join-admitted", chat=chat))

    async def login(self, clara: Person, site: str) -> None:
        """Play a login on the bot's page, with write access."""
        stage = self._stage
        stage.scene(f"Clara opens {site}/, the bot's login page.")
        async with open_browser() as browser:
            page = await read(browser, f"{site}/")
            stage.message("page", "Clara", f"{page.heading}\n{page.paragraph}")
            stage.note("Clara presses the button and, in Telegram's window, allows the bot to write to her.")
            # The page says whether the bot has written, so page and message arrive in either order.
            page, _ = await asyncio.gather(log_in(browser, page, clara.phone), clara.expect("Hello, Clara!"))
            stage.message("page", "Clara", f"{page.heading}\n{page.paragraph}")

    async def crash(self, people: list[Person], bot: BotProcess) -> None:
        """Play a crash of the bot: every question is still answered exactly once."""
        stage = self._stage
        stage.scene(
            "Anna and Boris ask for sums, and a plugin adds them. After the first answer the bot is killed."
        )
        asking = [asyncio.create_task(_ask(person, SUMS[person.name][:-1])) for person in people]
        first, *_ = people
        await first.expect(_answer(SUMS[first.name][0]))
        await bot.kill()
        stage.note("kill -9: the bot had no chance to save anything.")
        await asyncio.gather(*asking)
        for person in people:
            await person.say(SUMS[person.name][-1])
        stage.note("The bot starts again.")
        await bot.start()
        for person in people:
            for question in SUMS[person.name][person is first :]:
                # A second answer to an earlier question would arrive here and fail the check.
                await person.expect(_answer(question))
        number = sum(len(SUMS[person.name]) for person in people)
        stage.note(f"{number} questions, {number} answers: no answer is missing, none came twice.")

    def _text(self, language: str, text: str, **values: str | int) -> str:
        return self._texts.render(language, text, **values)


async def _ask(person: Person, questions: list[str]) -> None:
    for question in questions:
        await person.say(question)


def _answer(question: str) -> str:
    one, other = question.split(" + ")
    return f"{question} = {int(one) + int(other)}"
