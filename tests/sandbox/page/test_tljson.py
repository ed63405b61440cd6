"""TL objects as JSON and back."""

from __future__ import annotations

import datetime
import json

import pytest
from telethon.tl import functions, types

from tgbot.sandbox.page.tljson import JsonError, request_of, to_json


def test_a_request_comes_back_as_it_was() -> None:
    request = functions.messages.SendMessageRequest(
        types.InputPeerUser(5_000_000_001, -(1 << 62)),
        "text 😀",
        random_id=(1 << 63) - 1,
        silent=True,
        entities=[types.MessageEntityBold(0, 4), types.MessageEntityTextUrl(0, 1, "https://example.org")],
        reply_markup=types.ReplyInlineMarkup(
            [
                types.KeyboardInlineButtonRow(
                    [types.KeyboardInlineButton("one", types.InlineButtonTypeCallback(b"\x00\xff"))]
                )
            ]
        ),
        schedule_date=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
    )
    text = json.dumps(to_json(request))
    assert bytes(request_of(json.loads(text))) == bytes(request)


def test_what_is_absent_or_false_is_left_out() -> None:
    request = functions.messages.GetDialogsRequest(0, 0, types.InputPeerEmpty(), 20, 0)
    assert to_json(request) == {
        "_": "messages.getDialogs",
        "offset_date": 0,
        "offset_id": 0,
        "offset_peer": {"_": "inputPeerEmpty"},
        "limit": 20,
        "hash": 0,
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "the call is not an object"),
        ({}, "the call is not an object"),
        ({"_": "messages.fly"}, "no method messages.fly"),
        ({"_": "help.getConfig", "more": 1}, "has no more"),
        ({"_": "messages.deleteMessages"}, "messages.deleteMessages.id is missing"),
        ({"_": "messages.deleteMessages", "id": 7}, "id is not a list"),
        ({"_": "messages.deleteMessages", "id": ["x"]}, r"id\[0\] is not of the type int"),
        ({"_": "messages.deleteMessages", "id": [True]}, r"id\[0\] is not of the type int"),
        ({"_": "contacts.block", "id": {"_": "nothing"}}, "no type nothing"),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(given: object, told: str) -> None:
    with pytest.raises(JsonError, match=told):
        request_of(given)
