"""What records of the wire are called, and what of them is shown."""

from __future__ import annotations

import json
import math
import struct
import time
import zlib
from typing import Any

import pytest
from telethon.tl import functions, types

from tgbot.sandbox import layers
from tgbot.sandbox.mtproto import GZIP_PACKED, tl_bytes
from tgbot.sandbox.page.reading import LARGEST, Readings
from tgbot.sandbox.page.tljson import to_json
from tgbot.sandbox.records import RPC_ERROR, RPC_RESULT, Kind, Moment, Record

USER = types.User(5_000_000_001, access_hash=1, first_name="Anna", usernames=[])
TEXT = "a text " * 30


def message(text: str) -> types.Updates:
    new = types.Message(7, types.PeerUser(USER.id), None, text)
    return types.Updates([types.UpdateNewMessage(new, 1, 1)], [USER], [], None, 0)


def packed(data: bytes, wbits: int = 31) -> bytes:
    compress = zlib.compressobj(1, zlib.DEFLATED, wbits)
    return struct.pack("<I", GZIP_PACKED) + tl_bytes(compress.compress(data) + compress.flush())


def record(kind: Kind, body: bytes, *, layer: int = 229, call: Record | None = None) -> Record:
    made = Record(1, Moment(0.0, time.time(), None, 7, layer), kind, kind is not Kind.CALL, body)
    made.call = call
    return made


def answer(to: Any, result: bytes) -> Record:
    return record(Kind.ANSWER, struct.pack("<Iq", RPC_RESULT, 4) + result, call=record(Kind.CALL, bytes(to)))


def error(code: int, name: str) -> bytes:
    return struct.pack("<Ii", RPC_ERROR, code) + tl_bytes(name.encode())


TYPING = types.UpdateShort(types.UpdateUserTyping(USER.id, types.SendMessageTypingAction()), None)
SHORT = types.UpdateShortMessage(7, USER.id, "hi", 1, 1, None)
GET_USERS = functions.users.GetUsersRequest([types.InputUserSelf()])
STATE = functions.updates.GetStateRequest()


@pytest.mark.parametrize(
    ("given", "name", "summary"),
    [
        (record(Kind.CALL, bytes(STATE)), "updates.getState", ""),
        (record(Kind.CALL, packed(bytes(STATE))), "updates.getState", ""),
        (record(Kind.CALL, packed(bytes(STATE), 15)), "updates.getState", ""),
        (
            record(Kind.CALL, bytes(functions.InvokeWithLayerRequest(229, STATE))),
            "updates.getState",
            "",
        ),
        (record(Kind.CALL, b"\xff\xff\xff\xff"), "unreadable", "unknown method #ffffffff"),
        (record(Kind.UPDATE, bytes(message("hi"))), "updateNewMessage", "“hi”"),
        (record(Kind.UPDATE, packed(bytes(message("hi")))), "updateNewMessage", "“hi”"),
        (record(Kind.UPDATE, bytes(types.Updates([], [], [], None, 0))), "updates", ""),
        (record(Kind.UPDATE, bytes(types.UpdatesTooLong())), "updatesTooLong", ""),
        (record(Kind.UPDATE, bytes(TYPING)), "updateUserTyping", "sendMessageTypingAction"),
        (record(Kind.UPDATE, bytes(SHORT)), "updateShortMessage", "“hi”"),
        (record(Kind.UPDATE, bytes(message("hi"))[:-20]), "updateNewMessage", "unreadable: error"),
        (answer(GET_USERS, layers.encode([USER], 229)), "user", ""),
        (answer(GET_USERS, packed(layers.encode([USER] * 3, 229))), "3 × user", ""),
        (answer(STATE, layers.encode(True, 229)), "true", ""),
        (answer(functions.contacts.GetContactIDsRequest(0), layers.encode([1, 2], 229)), "2 × int", ""),
        (answer(STATE, error(420, "FLOOD_WAIT_7")), "FLOOD_WAIT_7", "error 420"),
        (answer(STATE, error(500, "X" * 300)), "X" * 300, "error 500"),
        (
            record(Kind.SERVICE, bytes(types.BadMsgNotification(4, 1, 17))),
            "bad_msg_notification",
            "its msg_id is too high: the client's clock is ahead",
        ),
        (record(Kind.SERVICE, bytes(types.MsgsAck([1, 2, 3]))), "msgs_ack", "3 messages"),
    ],
)  # fmt: skip
def test_a_record_has_the_name_and_the_words_that_people_look_for(
    given: Record, name: str, summary: str
) -> None:
    readings = Readings()
    assert (readings.name(given), readings.summary(given)) == (name, summary)
    assert json.dumps(readings.json(given))


@pytest.mark.parametrize("layer", [158, 198, 220])
def test_what_an_older_client_gets_is_read_as_it_is_in_its_layer(layer: int) -> None:
    sent = layers.encode(message("hi"), layer)
    readings = Readings()
    given = record(Kind.UPDATE, sent, layer=layer)
    assert (readings.name(given), readings.summary(given)) == ("updateNewMessage", "“hi”")
    shown = readings.json(given)
    assert (shown["users"][0]["first_name"], shown["updates"][0]["message"]["message"]) == ("Anna", "hi")


def test_a_long_text_is_cut_and_stands_on_one_line() -> None:
    shown = Readings().summary(record(Kind.UPDATE, bytes(message(TEXT + "\n\n" + TEXT))))
    assert len(shown) < 90
    assert shown.endswith("…”")
    assert Readings().summary(record(Kind.UPDATE, bytes(message("one\n two\tthree")))) == "“one two three”"


def test_a_token_in_a_text_is_not_in_the_list() -> None:
    token = "7000000508:AAE-abcdefghijklmnopqrstuvwxyz123456"
    given = record(Kind.UPDATE, bytes(message(f"it is {token}, keep it")))
    assert Readings().summary(given) == "“it is (a token), keep it”"
    assert Readings().json(given)["updates"][0]["message"]["message"] == f"it is {token}, keep it"


@pytest.mark.parametrize("size", [LARGEST - 1000, LARGEST + 1000])
def test_a_large_message_is_not_read_for_the_list(size: int) -> None:
    given = record(Kind.UPDATE, bytes(message("x" * size)))
    readings = Readings()
    assert (readings.name(given), readings.summary(given)) == ("updateNewMessage", "")
    shown = readings.json(given)
    assert (shown["_"] == "unreadable") == (size > LARGEST)
    assert not readings._values


@pytest.mark.parametrize("length", [10, 400])
def test_the_name_of_a_packed_update_is_found_without_reading_it(length: int) -> None:
    text = "".join(chr(33 + number * number % 89) for number in range(length))
    body = packed(bytes(message(text + str(list(range(length))))))
    readings = Readings()
    assert (readings.name(record(Kind.UPDATE, body)), len(readings._values)) == ("updateNewMessage", 0)
    assert (len(body) > 300) == (length > 100)  # with a length of one byte, and of four


def test_only_the_last_messages_stay_read() -> None:
    readings = Readings()
    for number in range(2500):
        readings.value(record(Kind.CALL, bytes(functions.help.GetAppConfigRequest(number))))
    assert len(readings._values) == 2000


def test_numbers_that_json_does_not_have_are_texts() -> None:
    point = types.GeoPoint(math.nan, math.inf, 1)
    assert json.dumps(to_json(point), allow_nan=False)
