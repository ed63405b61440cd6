from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.tl import types

from tgbot.telegram.updates.keys import (
    album_key,
    channel_of,
    dialog_of,
    lane_of,
    stable_key,
)

THEN = datetime(2026, 1, 1, tzinfo=UTC)
ANN, GROUP, CHANNEL = types.PeerUser(2**40), types.PeerChat(8), types.PeerChannel(9)
MARKED_CHANNEL = -1_000_000_000_009


def message(peer: Any, number: int = 5, **fields: Any) -> Any:
    return types.Message(id=number, peer_id=peer, date=THEN, message="x", **fields)


def new(peer: Any) -> Any:
    kind = types.UpdateNewChannelMessage if peer is CHANNEL else types.UpdateNewMessage
    return kind(message(peer), 7, 1)


def edit(peer: Any, at: datetime | None = THEN) -> Any:
    kind = types.UpdateEditChannelMessage if peer is CHANNEL else types.UpdateEditMessage
    return kind(message(peer, edit_date=at), 8, 1)


JOIN = types.UpdateBotChatInviteRequester(
    CHANNEL, THEN, 2**40, "", types.ChatInvitePublicJoinRequests(), qts=3
)
STOPPED = types.UpdateBotStopped(2**40, THEN, True, 4)
PRESSED = types.UpdateBotCallbackQuery(1, 2**40, ANN, 5, 6)
SHORT = types.UpdateShortMessage(5, 2**40, "x", 7, 1, THEN)
SHORT_CHAT = types.UpdateShortChatMessage(5, 2**40, 8, "x", 7, 1, THEN)
DELETED = types.UpdateDeleteMessages([5], 9, 1)
DELETED_IN_CHANNEL = types.UpdateDeleteChannelMessages(9, [5], 9, 1)


@pytest.mark.parametrize(
    ("update", "dialog"),
    [
        (new(ANN), 2**40),
        (edit(ANN), 2**40),
        (new(GROUP), -8),
        (new(CHANNEL), MARKED_CHANNEL),
        (edit(CHANNEL), MARKED_CHANNEL),
        (SHORT, 2**40),
        (SHORT_CHAT, -8),
        (STOPPED, 2**40),
        (PRESSED, 2**40),
        (types.UpdateBotCallbackQuery(1, 2**40, GROUP, 5, 6), -8),
        (JOIN, 2**40),
        (types.UpdateUserName(2**40, "A", "", []), 2**40),
        (DELETED_IN_CHANNEL, MARKED_CHANNEL),
        (types.UpdateChatParticipants(types.ChatParticipantsForbidden(8)), 0),
        (DELETED, 0),
        (types.UpdateConfig(), 0),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_an_update_belongs_to_the_private_user_where_there_is_one_else_to_the_chat(
    update: Any, dialog: int
) -> None:
    assert dialog_of(update) == dialog


@pytest.mark.parametrize(
    ("update", "key"),
    [
        (new(ANN), f"m{2**40}:5"),
        (SHORT, f"m{2**40}:5"),
        (SHORT_CHAT, "m-8:5"),
        (new(CHANNEL), f"m{MARKED_CHANNEL}:5"),
        (edit(ANN), "p8"),
        (edit(ANN, None), "p8"),
        (edit(CHANNEL), "p9:8"),
        (STOPPED, "q4"),
        (JOIN, "q3"),
        (DELETED, "p9"),
        (DELETED_IN_CHANNEL, "p9:9"),
        (PRESSED, None),
        (types.UpdateUserName(2**40, "A", "", []), None),
        (types.UpdateReadHistoryInbox(ANN, 5, 0, 8, 0), None),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_an_update_that_telegram_keeps_has_a_key(update: Any, key: str | None) -> None:
    assert stable_key(update) == key


def test_a_message_has_the_same_key_live_and_in_a_difference() -> None:
    assert stable_key(types.UpdateNewMessage(message(ANN), 0, 0)) == stable_key(new(ANN))


def test_no_two_updates_share_a_key() -> None:
    # Each with the same numbers, in the order of the account's log, a channel's and the bot events.
    updates = [
        new(ANN),
        new(GROUP),
        new(CHANNEL),
        types.UpdateEditMessage(message(ANN, edit_date=THEN), 8, 1),
        types.UpdateEditMessage(message(ANN, edit_date=THEN), 9, 1),
        types.UpdateDeleteMessages([5], 10, 1),
        types.UpdateEditChannelMessage(message(CHANNEL, edit_date=THEN), 8, 1),
        types.UpdateDeleteChannelMessages(9, [5], 9, 1),
        types.UpdateDeleteChannelMessages(10, [5], 9, 1),
        types.UpdateBotStopped(2**40, THEN, True, 8),
        types.UpdateBotStopped(2**40, THEN, False, 9),
    ]
    assert len({stable_key(update) for update in updates}) == len(updates)


@pytest.mark.parametrize(
    ("update", "channel"),
    [(new(CHANNEL), 9), (edit(CHANNEL), 9), (DELETED_IN_CHANNEL, 9), (new(ANN), None), (STOPPED, None)],
    ids=lambda value: type(value).__name__,
)
def test_a_channels_updates_move_its_own_pts(update: Any, channel: int | None) -> None:
    assert channel_of(update) == channel


@pytest.mark.parametrize(
    "query",
    [
        PRESSED,
        types.UpdateInlineBotCallbackQuery(1, 2**40, types.InputBotInlineMessageID(2, 5, 6), 6),
        types.UpdateBotInlineQuery(1, 2**40, "cats", ""),
    ],
    ids=lambda query: type(query).__name__,
)
def test_the_queries_of_a_user_have_a_lane_of_their_own(query: Any) -> None:
    lane = lane_of(query, dialog_of(query))
    assert lane not in {0, 2**40, -(2**40)}
    assert lane == lane_of(PRESSED, 2**40)
    assert lane < MARKED_CHANNEL


@pytest.mark.parametrize("update", [new(ANN), edit(CHANNEL), JOIN, SHORT], ids=lambda one: type(one).__name__)
def test_everything_else_is_handled_in_its_dialog(update: Any) -> None:
    assert lane_of(update, dialog_of(update)) == dialog_of(update)


def test_an_album_has_a_key_that_no_update_has() -> None:
    assert album_key(new(ANN)) != stable_key(new(ANN))
    assert album_key(new(CHANNEL)) == f"a{MARKED_CHANNEL}:5"
