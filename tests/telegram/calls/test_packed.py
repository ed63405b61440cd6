"""Sends that are made once for many users, held to Telethon's own requests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tgbot.telegram.calls.call import SENDS, method_of
from tgbot.telegram.calls.named import _random_ids
from tgbot.telegram.calls.packed import (
    _ONE,
    _STAND_INS,
    EditForm,
    Form,
    PackedAlbum,
    PackedText,
    message_ids,
)
from tgbot.telegram.calls.unanswered import rules_of

DATE = datetime(2026, 11, 26, tzinfo=UTC)
PHOTO = types.InputMediaPhoto(types.InputPhoto(5, 6, b"reference"))
MARKUP = types.ReplyInlineMarkup(
    [
        types.KeyboardInlineButtonRow(
            [types.KeyboardInlineButton("b", types.InlineButtonTypeUrl("https://a.b"))]
        )
    ]
)
BOLD = [types.MessageEntityBold(0, 4)]


def text(words: str = "some text", **options: Any) -> Any:
    return functions.messages.SendMessageRequest(None, words, random_id=0, **options)


def album() -> Any:
    singles = [
        types.InputSingleMedia(PHOTO, words, random_id=0, entities=BOLD) for words in ("one 1", "", "3")
    ]
    return functions.messages.SendMultiMediaRequest(None, singles, silent=True)


@pytest.mark.parametrize(
    "request_of",
    [
        text,
        lambda: text(
            entities=BOLD, reply_markup=MARKUP, silent=True, no_webpage=True, allow_paid_floodskip=True
        ),
        lambda: text("x" * 4096),
        # What stands for the random_id is in the content.
        lambda: text("surrogate " + _ONE(_STAND_INS).decode("latin-1")),
        lambda: functions.messages.SendMediaRequest(None, PHOTO, "text", random_id=0, reply_markup=MARKUP),
        lambda: functions.messages.SendMediaRequest(
            None, types.InputMediaPhoto(types.InputPhoto(5, 6, _ONE(_STAND_INS))), "", random_id=0
        ),
        album,
    ],
)
def test_a_packed_send_is_what_telethon_sends(request_of: Any) -> None:
    form, theirs = Form(request_of()), request_of()
    for user_id, access_hash in ((7, -9), (5_000_000_001, 2**63 - 1)):
        singles = getattr(theirs, "multi_media", [theirs])
        random_ids = [-(user_id + index) for index in range(form.messages)]
        theirs.peer = types.InputPeerUser(user_id, access_hash)
        for single, random_id in zip(singles, random_ids, strict=True):
            single.random_id = random_id
        ours = form.to(user_id, access_hash, random_ids)
        assert bytes(ours) == ours._bytes() == bytes(theirs)
        assert ours.peer == theirs.peer
        assert _random_ids(ours) == random_ids
        assert method_of(type(ours)) == method_of(type(theirs))
        assert rules_of(type(ours)) == rules_of(type(theirs))  # type: ignore[arg-type]  # mypy does not see that a class is hashable
        assert type(ours) in SENDS


@pytest.mark.parametrize(
    "options",
    [
        {"message": "some text"},
        {"message": "", "media": PHOTO, "reply_markup": MARKUP, "entities": BOLD, "no_webpage": True},
        {"reply_markup": MARKUP},
    ],
)
def test_a_packed_edit_is_what_telethon_sends(options: dict[str, Any]) -> None:
    form = EditForm(functions.messages.EditMessageRequest(None, 0, **options))
    for user_id, access_hash, message in ((7, -9, 1), (5_000_000_001, 2**63 - 1, 2**31 - 1)):
        theirs = functions.messages.EditMessageRequest(
            types.InputPeerUser(user_id, access_hash), message, **options
        )
        ours = form.to(user_id, access_hash, message)
        assert bytes(ours) == ours._bytes() == bytes(theirs)
        assert ours.peer == theirs.peer
        assert method_of(type(ours)) == method_of(type(theirs))
        assert rules_of(type(ours)) == rules_of(type(theirs))  # type: ignore[arg-type]  # as above
        assert type(ours) not in SENDS
        assert (repr(ours), str(ours)) == (f"PackedEdit({user_id})",) * 2


def test_a_packed_send_is_read_back() -> None:
    read = BinaryReader(bytes(Form(text()).to(7, -9, [5]))).tgread_object()
    assert (read.peer.user_id, read.message, read.random_id) == (7, "some text", 5)


def test_a_packed_send_shows_nothing_of_its_content() -> None:
    send = Form(text("secret words")).to(7, -9, [5])
    assert type(send) is PackedText
    assert (repr(send), str(send)) == ("PackedText(7)", "PackedText(7)")


def test_an_album_has_a_random_id_for_each_message() -> None:
    form = Form(album())
    assert form.messages == 3
    send = form.to(7, -9, [1, 2, 3])
    assert type(send) is PackedAlbum
    assert [single.random_id for single in send.multi_media] == [1, 2, 3]


def test_the_answer_names_the_messages_in_the_order_of_their_random_ids() -> None:
    assert message_ids(types.UpdateShortSentMessage(5, 6, 1, DATE, out=True), [1]) == (5,)
    named = [types.UpdateMessageID(12, 2), types.UpdateMessageID(11, 1)]
    assert message_ids(types.Updates(named, [], [], DATE, 0), [1, 2, 3]) == (11, 12, 0)
