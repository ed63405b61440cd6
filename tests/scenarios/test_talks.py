"""Talks as people see them: questions and answers, buttons, commands, and what does not fit."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from telethon import events
from telethon.tl import types

from tests.pictures import jpeg
from tests.scenarios.conftest import StartBot
from tests.scenarios.talk import Talk as Chat
from tests.scenarios.talk import now_reads, press, until
from tests.scenarios.talking import TalkingBot, talking
from tgbot.plugins.talks import Contact, Ends, Location, Talk, TalkCancelled, Talks, TalkTooLongError
from tgbot.sandbox.server import Sandbox

__all__ = ["talking"]


def order(talks: Talks) -> None:
    @talks.on(r"^/order$", name="order")
    async def order(talk: Talk) -> None:
        size = await talk.choose("Which size?", ["S", "M", "L"])
        street = await talk.ask("Where to?")
        price = await talk.once("price", lambda: 12)
        await talk.say(f"{size} to {street}: {price}")


# ---- questions and answers -------------------------------------------------------------------------


async def test_an_order_is_straight_code(talking: TalkingBot, person: Any) -> None:
    await talking.start(order)
    anna = Chat(await person("Anna"))
    await anna.say("/order")
    question = await anna.hears_message()
    assert question.raw_text == "Which size?"
    assert (await press(anna, question, "M")).message is None
    assert await anna.hears() == "Where to?"
    assert await anna.ask("Baker Street") == "M to Baker Street: 12"
    await until(lambda: talking.kept(anna.id).over)  # type: ignore[union-attr] # something is kept
    assert await anna.said_nothing_before()


async def test_what_does_not_fit_is_asked_again(talking: TalkingBot, person: Any) -> None:
    seen: list[Any] = []

    def register(talks: Talks) -> None:
        @talks.on(r"^/age (\w+)$", name="age")
        async def age(talk: Talk) -> None:
            number = await talk.ask("How old are you?", check=positive, again="A number, please.")
            even = await talk.ask("An even number?", check=is_even)
            color = await talk.choose("Which color?", {"Red": {"r": 1}, "Light blue": [2]})
            seen.append((talk.match[1], number, even, color, talk.text, talk.user_id))

        async def is_even(text: str) -> bool:
            return int(text) % 2 == 0

        def positive(text: str) -> int:
            if int(text) < 1:
                raise ValueError
            return int(text)

    await talking.start(register)
    anna = Chat(await person("Anna"))
    assert await anna.ask("/age x") == "How old are you?"
    assert await anna.ask("old") == "A number, please."
    assert await anna.ask("-1") == "A number, please."
    await anna.client.send_file("the_bot", b"12", caption="12", force_document=True)
    assert await anna.hears() == "A number, please."
    assert await anna.ask("12") == "An even number?"
    assert (await anna.ask("3")).startswith("I need a text here.")
    assert await anna.ask("4") == "Which color?"
    assert (await anna.ask("green")).startswith("Please press one of the buttons")
    await anna.say("  light   BLUE ")
    await until(lambda: bool(seen))
    assert seen == [("x", 12, "4", [2], "/age x", anna.id)]


async def test_photos_files_contacts_and_places_are_answers(talking: TalkingBot, person: Any) -> None:
    seen: list[Any] = []

    def register(talks: Talks) -> None:
        @talks.on(r"^/send$", name="send")
        async def send(talk: Talk) -> None:
            photo = await talk.ask_photo("A photo?")
            file = await talk.ask_file("A file?")
            seen.append((photo.photo.id, file.file.name))
            contact = await talk.ask_contact("A contact?")
            place = await talk.ask_location("A place?")
            await talk.say(f"{contact.first_name} {contact.phone} {place.latitude:.1f} {place.longitude:.1f}")
            seen.append((contact, place))

    await talking.start(register)
    client = await person("Anna")
    anna = Chat(client)
    assert await anna.ask("/send") == "A photo?"
    assert (await anna.ask("no")).startswith("I need a photo")
    # Of an album the first one answers, and the others nothing.
    await client.send_file("the_bot", [picture(number) for number in range(3)])
    assert await anna.hears() == "A file?"
    await client.send_file("the_bot", b"text", attributes=[types.DocumentAttributeFilename("a.txt")])
    assert await anna.hears() == "A contact?"
    assert (await anna.ask("Ben")).startswith("I need a contact")
    await talking.kill()
    await talking.start(register)  # the messages are fetched again
    await client.send_message("the_bot", file=types.InputMediaContact("+123", "Ben", "", ""))
    assert await anna.hears() == "A place?"
    assert (await anna.ask("here")).startswith("I need a place")
    await client.send_message("the_bot", file=types.InputMediaGeoPoint(types.InputGeoPoint(51.5, -0.1)))
    assert await anna.hears() == "Ben +123 51.5 -0.1"
    assert seen[0] == seen[1]
    contact, place = seen[2]
    assert contact == Contact("+123", "Ben", "", 0)
    assert isinstance(place, Location)
    assert "123" not in repr(seen[2])
    assert "51" not in repr(seen[2])


def picture(number: int) -> io.BytesIO:
    """Return a file that Telethon sends as a photo."""
    file = io.BytesIO(jpeg(number=number))
    file.name = f"{number}.jpg"
    return file


async def test_the_next_message_answers_the_open_question_and_an_edited_one_nothing(
    talking: TalkingBot, person: Any
) -> None:
    def register(talks: Talks) -> None:
        @talks.on(r"^/name$", name="name")
        async def name(talk: Talk) -> None:
            first = await part(talk, "First name?")
            await talk.say(f"{first} {await part(talk, 'Last name?')}")

        async def part(talk: Talk, question: str) -> str:
            return str(await talk.ask(question))

    await talking.start(register)
    anna = Chat(await person("Anna"))
    assert await anna.ask("/name") == "First name?"
    await talking.stop()
    said = await anna.say("Anne")
    await anna.say("Smith")
    await said.edit("Anna")
    await talking.start(register)
    assert await anna.hears() == "Last name?"
    assert (await anna.hears()).endswith(" Smith")
    assert await anna.said_nothing_before()


async def test_what_was_said_can_be_edited_and_deleted_also_after_a_restart(
    talking: TalkingBot, person: Any
) -> None:
    def register(talks: Talks) -> None:
        @talks.on(r"^/wait$", name="wait")
        async def wait(talk: Talk) -> None:
            note, long = await talk.say("wait"), await talk.say("x" * 5000)
            await talk.client.send_message(talk.chat_id, "besides")
            await talk.ask("Go on?")
            await note.edit("done")
            await long.delete()
            await talk.say("now")

    await talking.start(register)
    anna = Chat(await person("Anna"))
    await anna.say("/wait")
    note, _, rest = [await anna.hears_message() for _ in range(3)]
    assert [note.raw_text, rest.raw_text] == ["wait", "x" * 904]
    assert [await anna.hears(), await anna.hears()] == ["besides", "Go on?"]
    await talking.kill()
    await talking.start(register)
    assert await anna.ask("yes") == "now"
    assert (await now_reads(anna, note)).raw_text == "done"
    assert await now_reads(anna, rest) is None


async def test_the_example_takes_an_order(start_bot: StartBot, person: Any, sandbox: Sandbox) -> None:
    await start_bot(plugins=["examples.order"])
    anna, boris = Chat(await person("Anna")), Chat(await person("Boris"))
    assert await anna.ask("/order") == "Which size?"
    assert await anna.ask("l") == "A picture on it?"
    assert await anna.ask("yes") == "Send me the picture."
    await anna.client.send_file("the_bot", picture(1))
    assert [await anna.hears(), await anna.hears()] == ["A beautiful one!", "Where to?"]
    assert await anna.ask("home") == "With the number of the house, please."
    assert await anna.ask(" 221b Baker Street ") == "L with a picture to 221b Baker Street: 12"
    assert await boris.ask("/order") == "Which size?"
    assert await boris.ask("S") == "A picture on it?"
    assert await boris.ask("no") == "Where to?"
    assert await boris.ask("1 Main Street") == "S to 1 Main Street: 8"
    assert "/order – order a pizza" in await boris.ask("/help")


# ---- buttons ---------------------------------------------------------------------------------------


async def test_a_press_of_an_old_question_is_acknowledged_and_changes_nothing(
    talking: TalkingBot, person: Any, sandbox: Sandbox
) -> None:
    def register(talks: Talks) -> None:
        @talks.on(r"^/two$", name="two")
        async def two(talk: Talk) -> None:
            chosen = [await talk.choose(f"Number {number}?", ["A", "B"]) for number in (1, 2)]
            await talk.say(" ".join(chosen))

    await talking.start(register)
    anna = Chat(await person("Anna"))
    sandbox.faults.fail("messages.editMessage", 400, "MESSAGE_ID_INVALID")  # its buttons stay
    await anna.say("/two")
    first = await anna.hears_message()
    await press(anna, first, "A")
    second = await anna.hears_message()
    assert (await press(anna, first, "B")).message == "This question is no longer open."
    await until(lambda: sandbox.calls["messages.editMessage"] == 1)
    sandbox.faults.clear()
    await talking.bot.checkpoint()
    await talking.kill()
    await talking.start(register)
    assert (await press(anna, first, "B")).message == "This question is no longer open."
    await press(anna, second, "B")
    assert await anna.hears() == "A B"
    assert (await press(anna, first, "B")).message == "This question is no longer open."
    await until(lambda: sandbox.calls["messages.editMessage"] == 2)
    assert (await now_reads(anna, second)).buttons is None


# ---- commands --------------------------------------------------------------------------------------


async def test_cancel_and_any_other_command_end_a_talk(talking: TalkingBot, person: Any) -> None:
    def register(talks: Talks) -> None:
        order(talks)

        @talks.on(r"^/polite$", name="polite")
        async def polite(talk: Talk) -> None:
            try:
                await talk.ask("Well?")
            except TalkCancelled as error:
                assert talk.cancelled
                await talk.say(f"Ended by {error.command}.")
                await talk.ask("Really?")

    await talking.start(register)
    anna = Chat(await person("Anna"))
    assert await anna.ask("/order") == "Which size?"
    assert await anna.ask("/cancel") == "All right, we stop here."
    assert await anna.ask("/order") == "Which size?"
    assert (await anna.ask("/help")).startswith("Hello! I am a bot")
    await anna.say("M")  # it is nobody's
    assert await anna.ask("/polite") == "Well?"
    assert await anna.ask("/order") == "Ended by order."
    assert await anna.hears() == "Which size?"
    assert await anna.ask("/polite") == "Well?"
    assert await anna.ask("/cancel") == "Ended by cancel."
    assert await anna.hears() == "All right, we stop here."
    assert (await anna.ask("/cancel")).startswith("Hello! I am a bot")


async def test_a_talk_that_only_cancel_ends_goes_on_beside_other_commands(
    talking: TalkingBot, person: Any
) -> None:
    def register(talks: Talks) -> None:
        order(talks)

        @talks.on("form", name="form", ends=Ends.CANCEL)
        async def form(talk: Talk) -> None:
            await talk.say(await talk.ask("Name?"))

    await talking.start(register)
    anna = Chat(await person("Anna"))
    assert await anna.ask("form") == "Name?"
    assert (await anna.ask("/help")).startswith("Hello! I am a bot")
    assert (await anna.ask("/order")).startswith("We are in the middle of something.")
    assert await anna.ask("Anna") == "Anna"
    assert await anna.ask("/order") == "Which size?"


async def test_the_plugins_other_handlers_hear_only_what_no_talk_takes(
    talking: TalkingBot, person: Any
) -> None:
    heard: list[str] = []

    def register(talks: Talks) -> None:
        async def hear(event: Any) -> None:
            heard.append(event.raw_text)

        talking.client.add_event_handler(hear, events.NewMessage(incoming=True))
        order(talks)

    await talking.start(register)
    anna = Chat(await person("Anna"))
    await anna.ask("one")
    await anna.ask("/order")
    await anna.ask("M")
    await anna.ask("Street")
    await anna.say("two")
    assert await anna.said_nothing_before()
    assert heard == ["one", "/order", "two", "/help"]


# ---- limits, language, forgetting ------------------------------------------------------------------


async def test_a_talk_keeps_its_language_and_its_texts(talking: TalkingBot, person: Any) -> None:
    def register(talks: Talks) -> None:
        @talks.on(r"^/word$", name="word")
        async def word(talk: Talk) -> None:
            await talk.ask("?")
            await talk.say(talk.texts("talk-cancelled"))
            await talk.say(f"{talk.language} {talk.user.spoken if talk.user else ''}")

    await talking.start(register)
    anna = Chat(await person("Anna"))
    await anna.ask("hello")
    talking.bot.users.choose_language(anna.id, "ru")
    assert await anna.ask("/word") == "?"
    talking.bot.users.choose_language(anna.id, "en")
    assert await anna.ask("go") == "Хорошо, на этом остановимся."
    assert await anna.hears() == "ru en"


async def test_what_is_too_long_or_no_json_is_raised_in_the_function(
    talking: TalkingBot, person: Any
) -> None:
    seen: list[str] = []

    def register(talks: Talks) -> None:
        @talks.on(r"^/long$", name="long")
        async def long(talk: Talk) -> None:
            for name, do in (("long", lambda: "x" * 70_000), ("set", lambda: {1, 2})):
                try:
                    await talk.once(name, do)
                except TalkTooLongError as error:
                    seen.append(str(error))
            await talk.say("still here")

    await talking.start(register)
    anna = Chat(await person("Anna"))
    assert await anna.ask("/long") == "still here"
    assert "65536 is the most" in seen[0]
    assert seen[1] == "what once('set') returned is to be kept as JSON, and is a set"


async def test_forget_ends_a_talk(talking: TalkingBot, person: Any) -> None:
    await talking.start(order)
    anna = Chat(await person("Anna"))
    await anna.ask("/order")
    await talking.bot.forget(anna.id)
    assert talking.kept(anna.id) is None
    assert not talking.bot.client.inside.strands._tasks
    assert (await anna.ask("M")).startswith("Hello! I am a bot")


async def test_a_pattern_may_be_a_function_and_a_talk_has_the_name_of_its_function(
    talking: TalkingBot, person: Any
) -> None:
    def register(talks: Talks) -> None:
        @talks.on(re.compile("(?i)hi (.+)"))
        async def greeting(talk: Talk) -> None:
            await talk.ask(f"Hi {talk.match[1]}, how are you?")

        @talks.on(lambda text: text.split(",") if "," in text else None)
        async def listing(talk: Talk) -> None:
            await talk.say(str(talk.match))

    await talking.start(register)
    anna = Chat(await person("Anna"))
    assert await anna.ask("a,b") == "['a', 'b']"
    assert await anna.ask("HI bot") == "Hi bot, how are you?"
    kept = talking.kept(anna.id)
    assert kept is not None
    assert (kept.name, repr(kept)) == ("greeting", "KeptTalk(name='greeting')")


async def test_a_name_is_given_once(talking: TalkingBot) -> None:
    def register(talks: Talks) -> None:
        order(talks)
        with pytest.raises(ValueError, match="there is a talk order already"):
            order(talks)

    await talking.start(register)
