"""Repeated sends and edits as plain Telethon sees them over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from telethon import events
from telethon.errors import RandomIdDuplicateError
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox.server import Sandbox

from .conftest import Person, PlainBot


class Dialog:
    """A bot, and a user who has written to it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.bot = sandbox.new_bot("once_bot")
        self.user = sandbox.world.new_user("Ann")
        sandbox.world.send_as(self.user.id, self.bot.id, "hi")
        self._grown = asyncio.Event()
        sandbox.world.subscribe(lambda account_id: self._grown.set())

    def send(self, text: str = "once", random_id: int = 7) -> functions.messages.SendMessageRequest:
        peer = types.InputPeerUser(self.user.id, 0)
        return functions.messages.SendMessageRequest(peer, text, random_id=random_id)

    def texts(self) -> list[str]:
        return [copy.post.text for copy in self.user.box]

    async def carried_out(self) -> None:
        """Return when the first send is in the dialog."""
        async with asyncio.timeout(PATIENCE):
            while len(self.texts()) < 2:
                self._grown.clear()
                await self._grown.wait()


@pytest.fixture
def dialog(sandbox: Sandbox) -> Dialog:
    return Dialog(sandbox)


async def test_a_later_session_that_repeats_a_send_gets_the_message_of_the_first(
    sandbox: Sandbox, plain_bot: PlainBot, dialog: Dialog
) -> None:
    first = await plain_bot(dialog.bot.token)
    sent = await first(dialog.send())
    await first.disconnect()
    await sandbox.restart()
    second = await plain_bot(dialog.bot.token)
    request = dialog.send()
    answer = await second(request)
    named, new = answer.updates
    assert (named.id, named.random_id) == (sent.id, 7)
    assert (new.message.message, new.pts, new.pts_count) == ("once", sent.pts, 0)
    assert {user.id for user in answer.users} == {dialog.user.id, dialog.bot.id}
    # Telethon's send_message finds the message in it, as after a first send.
    message = second._get_response_message(request, answer, types.InputPeerUser(dialog.user.id, 0))
    assert (message.id, message.message) == (sent.id, "once")
    assert dialog.texts() == ["hi", "once"]


async def test_a_repeated_send_leaves_no_gap_in_the_updates(
    sandbox: Sandbox, plain_bot: PlainBot, dialog: Dialog
) -> None:
    client = await plain_bot(dialog.bot.token)
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def note(event: Any) -> None:
        await heard.put(event.raw_text)

    client.add_event_handler(note, events.NewMessage(incoming=True))
    await client(dialog.send())
    await client(dialog.send())
    sandbox.calls.clear()
    sandbox.world.send_as(dialog.user.id, dialog.bot.id, "and now")
    async with asyncio.timeout(PATIENCE):
        assert await heard.get() == "and now"
    assert sandbox.calls["updates.getDifference"] == 0


async def test_a_send_is_a_duplicate_while_the_first_has_no_answer_yet(
    sandbox: Sandbox, plain_bot: PlainBot, dialog: Dialog
) -> None:
    one, two = await plain_bot(dialog.bot.token), await plain_bot(dialog.bot.token)
    sandbox.faults.delay(600, "messages.sendMessage")
    first = asyncio.ensure_future(one._sender.send(dialog.send()))
    await dialog.carried_out()
    sandbox.faults.delay(0, "messages.sendMessage")
    with pytest.raises(RandomIdDuplicateError) as error:
        await two._sender.send(dialog.send())
    assert error.value.code == 500
    await two(dialog.send("another", random_id=8))
    # After a restart no call is under way, and Telethon repeats the call by itself.
    await sandbox.restart()
    async with asyncio.timeout(PATIENCE):
        answer = await first
    assert answer.updates[1].message.message == "once"
    assert dialog.texts() == ["hi", "once", "another"]


async def test_a_send_is_no_duplicate_once_its_delayed_answer_has_come(
    sandbox: Sandbox, plain_bot: PlainBot, dialog: Dialog
) -> None:
    client = await plain_bot(dialog.bot.token)
    sandbox.faults.delay(0.01, "messages.sendMessage")
    sent = await client(dialog.send())
    answer = await client(dialog.send())
    assert answer.updates[0].id == sent.id


async def test_forgotten_random_ids_let_a_message_through_twice(
    sandbox: Sandbox, plain_bot: PlainBot, dialog: Dialog
) -> None:
    client = await plain_bot(dialog.bot.token)
    await client(dialog.send())
    assert await sandbox.command("forget-random-ids @once_bot")
    await client(dialog.send())
    assert dialog.texts() == ["hi", "once", "once"]


async def test_two_edits_within_one_second_are_two_updates(
    sandbox: Sandbox, person: Person, plain_bot: PlainBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.world.posts, "_date", lambda: 1_700_000_000)
    bot = sandbox.new_bot()
    client = await plain_bot(bot.token)
    ann = await person("Ann")
    state = await client(functions.updates.GetStateRequest())
    live: asyncio.Queue[Any] = asyncio.Queue()

    async def note(update: Any) -> None:
        await live.put(update)

    client.add_event_handler(note, events.Raw(types.UpdateEditMessage))
    peer = sandbox.world.accounts[bot.id].usernames[0]
    message = await ann.send_message(peer, "frist")
    await ann.edit_message(message, "first!")
    await ann.edit_message(message, "first")
    async with asyncio.timeout(PATIENCE):
        edits = [await live.get(), await live.get()]
    assert [edit.pts for edit in edits] == [state.pts + 2, state.pts + 3]
    assert edits[0].message.edit_date == edits[1].message.edit_date
    difference = await client(functions.updates.GetDifferenceRequest(state.pts, state.date, state.qts))
    told = [(type(update), update.pts, update.pts_count) for update in difference.other_updates]
    assert told == [(types.UpdateEditMessage, edit.pts, 1) for edit in edits]
