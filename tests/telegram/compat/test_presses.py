"""Pressed buttons: each is answered once, whoever fails, and none waits behind the messages of its dialog."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from telethon import Button, events
from telethon.tl import functions, types

from tests.telegram.conftest import Stage, until
from tgbot.telegram import BotClient

OnPress = Callable[[Any], Awaitable[object]]


class Buttons:
    """A bot that sends a button to everybody who writes, people who press it, and the answers they get."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        #: Every answer that reached Telegram: the text, or None.
        self.answers: list[str | None] = []
        #: The handler of messages waits for it.
        self.gate = asyncio.Event()
        self.gate.set()
        #: Whether the handler of messages waits for a press.
        self.in_conversation = False
        answer = stage.world.presses.answer

        def noted(bot: Any, query_id: int, given: Any) -> None:
            self.answers.append(given.message)
            answer(bot, query_id, given)

        stage.world.presses.answer = noted  # type: ignore[assignment,method-assign] # the sandbox's side of the wire

    async def open(self, on_press: OnPress | None = None, **options: Any) -> BotClient:
        def register(client: BotClient) -> None:
            @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
            async def message(event: Any) -> None:
                await event.respond("press", buttons=[Button.inline("go", b"go")])
                await self.gate.wait()

            if on_press is not None:
                client.add_event_handler(on_press, events.CallbackQuery)

        return await self.stage.open(register, **options)

    async def gets_button(self, person: int) -> Any:
        """Let a person write, and return their copy of the message with the button."""
        said = len(self.stage.heard(person))
        number = self.stage.write(person, "hello")
        await until(lambda: len(self.stage.heard(person)) > said)
        await until(lambda: self.in_conversation or self.stage.last.get(person) == number)
        box = self.stage.world.accounts[person].box
        return box.get(box.dialogs[self.stage.account.id].ids[-1])

    def press(self, person: int, copy: Any, data: bytes = b"go") -> list[Any]:
        """Press the button; what is returned gets the answer."""
        world, got = self.stage.world, list[Any]()
        later = world.presses.press(world.accounts[person], copy, data, world.now() + 3600)
        later.then(got.append)
        return got


@pytest.fixture
def buttons(stage: Stage) -> Buttons:
    return Buttons(stage)


async def pressed_once(buttons: Buttons) -> Any:
    ann = buttons.stage.meet()
    got = buttons.press(ann, await buttons.gets_button(ann))
    await until(lambda: got)
    return got[0]


async def test_a_press_that_no_handler_answers_is_acknowledged(buttons: Buttons) -> None:
    seen: list[bytes] = []

    async def note(event: Any) -> None:
        seen.append(event.data)

    await buttons.open(note)
    assert (await pressed_once(buttons)).message is None
    assert seen == [b"go"]


async def test_a_press_without_any_handler_is_acknowledged(buttons: Buttons) -> None:
    await buttons.open()
    assert (await pressed_once(buttons)).message is None


async def test_a_press_whose_handler_raises_is_acknowledged(buttons: Buttons) -> None:
    async def fail(event: Any) -> None:
        raise LookupError

    client = await buttons.open(fail)
    assert (await pressed_once(buttons)).message is None
    assert client.handler_errors == 1


async def test_a_press_whose_handler_is_cut_off_is_acknowledged(buttons: Buttons) -> None:
    async def hang(event: Any) -> None:
        await asyncio.Event().wait()

    await buttons.open(hang, handler_seconds=0.05)
    assert (await pressed_once(buttons)).message is None


async def by_event(event: Any) -> None:
    await event.answer("done")


async def by_request(event: Any) -> None:
    await event.client(functions.messages.SetBotCallbackAnswerRequest(event.id, 0, message="done"))


async def by_edit(event: Any) -> None:
    await event.edit("pressed")


@pytest.mark.parametrize(
    ("answer", "text"),
    [(by_event, "done"), (by_request, "done"), (by_edit, None)],
    ids=["event", "request", "edit"],
)
async def test_who_answers_is_not_followed_by_an_acknowledgement(
    buttons: Buttons, answer: OnPress, text: str | None
) -> None:
    client = await buttons.open(answer)
    assert (await pressed_once(buttons)).message == text
    await until(lambda: not client._batches.waiting)
    await buttons.stage.close(client)
    assert buttons.answers == [text]


async def test_an_answer_that_telegram_refuses_is_followed_by_an_acknowledgement(buttons: Buttons) -> None:
    async def answer(event: Any) -> None:
        await event.answer("x" * 1000)

    client = await buttons.open(answer)
    assert (await pressed_once(buttons)).message is None
    assert client.handler_errors == 1


async def test_a_press_does_not_wait_behind_the_messages_of_its_dialog(buttons: Buttons) -> None:
    await buttons.open(by_event)
    ann = buttons.stage.meet()
    copy = await buttons.gets_button(ann)
    buttons.gate.clear()
    buttons.stage.write(ann, "a long task")
    await until(lambda: len(buttons.stage.heard(ann)) == 2)
    got = buttons.press(ann, copy)
    await until(lambda: got)
    assert got[0].message == "done"
    buttons.gate.set()


async def test_presses_of_one_person_are_handled_in_order_and_those_of_another_beside_them(
    buttons: Buttons,
) -> None:
    order: list[tuple[int, bytes]] = []
    gates = {b"1": asyncio.Event()}

    async def note(event: Any) -> None:
        if event.data in gates:
            await gates[event.data].wait()
        order.append((event.sender_id, event.data))

    await buttons.open(note)
    ann, ben = buttons.stage.meet(), buttons.stage.meet("Ben")
    copies = {person: await buttons.gets_button(person) for person in (ann, ben)}
    first, second = (buttons.press(ann, copies[ann], data) for data in (b"1", b"2"))
    other = buttons.press(ben, copies[ben], b"3")
    await until(lambda: other)
    assert not second
    gates[b"1"].set()
    await until(lambda: first and second)
    assert order == [(ben, b"3"), (ann, b"1"), (ann, b"2")]


async def test_a_press_that_a_conversation_waits_for_is_left_to_it(buttons: Buttons) -> None:
    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            async with client.conversation(event.chat_id, timeout=60) as conversation:
                pressed = asyncio.create_task(conversation.wait_event(events.CallbackQuery(func=among)))
                await conversation.send_message("press", buttons=[Button.inline("go", b"go")])
                press = await pressed
                await buttons.gate.wait()
                await press.answer("done")

        async def among(event: Any) -> bool:
            await asyncio.sleep(0)
            return bool(event.data == b"go")

    client = await buttons.stage.open(register)
    buttons.in_conversation = True
    ann = buttons.stage.meet()
    copy = await buttons.gets_button(ann)
    buttons.gate.clear()
    other = buttons.press(ann, copy, b"other")
    got = buttons.press(ann, copy)
    await until(lambda: other and not client._batches.waiting)
    assert not got
    buttons.gate.set()
    await until(lambda: got)
    assert got[0].message == "done"
    assert buttons.answers == [None, "done"]


async def test_presses_that_are_too_old_or_have_no_bytes_are_no_errors(
    buttons: Buttons, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    stage = buttons.stage
    client = await buttons.open()
    ann = stage.meet()
    peer, bot = types.PeerUser(ann), stage.account.id
    inline = types.InputBotInlineMessageID64(2, 5, 6, 7)
    stage.world.push_update(bot, types.UpdateBotCallbackQuery(1, ann, peer, 5, 6, data=b"old"))
    stage.world.push_update(bot, types.UpdateBotCallbackQuery(2, ann, peer, 5, 6, game_short_name="chess"))
    stage.world.push_update(bot, types.UpdateInlineBotCallbackQuery(3, ann, inline, 6, data=b"\xff" * 64))
    await until(lambda: len(buttons.answers) == 3)
    assert await stage.close(client)
    assert not caplog.messages


async def test_an_inline_query_does_not_wait_behind_the_messages_of_its_dialog(buttons: Buttons) -> None:
    asked: list[str] = []

    def register(client: BotClient) -> None:
        @client.on(events.NewMessage(incoming=True))  # type: ignore[untyped-decorator] # Telethon is untyped
        async def message(event: Any) -> None:
            asked.append("message")
            await buttons.gate.wait()

        @client.on(events.InlineQuery)  # type: ignore[untyped-decorator] # Telethon is untyped
        async def query(event: Any) -> None:
            asked.append(event.text)

    await buttons.stage.open(register)
    buttons.gate.clear()
    ann = buttons.stage.meet()
    buttons.stage.write(ann, "a long task")
    await until(lambda: asked)
    buttons.stage.world.push_update(buttons.stage.account.id, types.UpdateBotInlineQuery(1, ann, "cats", ""))
    await until(lambda: asked == ["message", "cats"])
    buttons.gate.set()
