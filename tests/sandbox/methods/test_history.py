"""Reading dialogs, histories and single messages."""

from __future__ import annotations

from typing import Any

from telethon.tl import types
from telethon.tl.functions import messages, updates

from tests.sandbox.methods.direct import Client
from tgbot.sandbox.world import World


def test_reading_tells_the_other_person_but_no_bot(
    world: World, ann: Client, bot: Client, new_person: Any
) -> None:
    ben = new_person("Ben")
    ann.send(ben, "one")
    ann.send(ben, "two")
    [dialog] = ben(messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0)).dialogs
    assert dialog.unread_count == 2
    answer = ben(messages.ReadHistoryRequest(ben.peer(ann), 1))
    assert (answer.pts, answer.pts_count) == (world.state(ben.id)[0], 1)
    told = ann.difference().other_updates
    assert [update.max_id for update in told if isinstance(update, types.UpdateReadHistoryOutbox)] == [1]
    [dialog] = ben(messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0)).dialogs
    assert (dialog.unread_count, dialog.read_inbox_max_id) == (1, 1)
    ann.send(bot)
    bot.send(ann)
    before = world.state(bot.id)
    ann(messages.ReadHistoryRequest(ann.peer(bot), 0))
    assert world.state(bot.id) == before


def test_a_message_that_is_not_there_is_empty(ann: Client, bot: Client) -> None:
    ann.send(bot, "there")
    wanted = [types.InputMessageID(1), types.InputMessageID(2)]
    answer = bot(messages.GetMessagesRequest(wanted))
    assert [type(message).__name__ for message in answer.messages] == ["Message", "MessageEmpty"]
    assert [user.id for user in answer.users] == [ann.id]
    assert bytes(answer)


def test_what_is_deleted_unread_is_not_counted_as_unread(ann: Client, new_person: Any) -> None:
    ben = new_person("Ben")
    for text in ("one", "two", "three"):
        ann.send(ben, text)
    ben(messages.ReadHistoryRequest(ben.peer(ann), 1))
    ann(messages.DeleteMessagesRequest([1, 3], revoke=True))
    [dialog] = ben(messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0)).dialogs
    assert (dialog.unread_count, dialog.top_message) == (1, 2)
    assert ben(updates.GetStateRequest()).unread_count == 1
