"""TL layers: requests of every layer are decoded, and answers are encoded for the client's layer."""

from __future__ import annotations

import datetime
import gzip
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from telethon.tl import TLObject, functions, types
from telethon.tl.alltlobjects import LAYER, tlobjects

from tgbot.sandbox import catalogue, layers, schema

from .schemareader import read_as_client

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
OLDER = (198, 227)

ADA = types.User(
    id=5_000_000_007,
    is_self=True,
    bot=False,
    access_hash=-7,
    first_name="Ада",
    username="ada",
    lang_code="ru",
    usernames=[types.Username("ada", editable=True, active=True)],
)
INLINE = types.ReplyInlineMarkup(
    [
        types.KeyboardInlineButtonRow(
            [
                types.KeyboardInlineButton("press", types.InlineButtonTypeCallback(b"data", True)),
                types.KeyboardInlineButton("open", types.InlineButtonTypeUrl("https://example.org")),
                types.KeyboardInlineButton("off", types.InlineButtonTypeDisabled()),
            ]
        )
    ]
)
HELLO = types.Message(
    id=3,
    peer_id=types.PeerUser(ADA.id),
    from_id=types.PeerUser(ADA.id),
    date=NOW,
    message="hello",
    out=True,
    entities=[types.MessageEntityBold(0, 5)],
    reply_markup=INLINE,
)


def updates(*members: TLObject) -> types.Updates:
    return types.Updates(list(members), [ADA], [], NOW, 0)


# --- answers


def test_telethons_own_layer_gets_telethons_own_bytes() -> None:
    for value in (HELLO, ADA, updates(types.UpdateNewMessage(HELLO, 1, 1))):
        assert layers.encode(value, LAYER) == bytes(value)
        assert layers.encode(value, 0) == bytes(value), "a client that has not said its layer yet"


def test_plain_values_have_their_tl_form_in_every_layer() -> None:
    for layer in (0, *OLDER, LAYER):
        assert layers.encode(True, layer).hex() == "b5757299"
        assert layers.encode(False, layer).hex() == "379779bc"
        assert layers.encode(b"as it is", layer) == b"as it is"
        assert layers.encode([7, -1], layer).hex() == "15c4b51c0200000007000000ffffffff"
        assert layers.encode([1 << 40], layer).hex() == "15c4b51c010000000000000000010000"
        assert layers.encode([], layer).hex() == "15c4b51c00000000"
    with pytest.raises(TypeError):
        layers.encode(object(), LAYER)


@pytest.mark.parametrize(("layer", "user_id"), [(198, 0x4B46C37E), (227, 0x31774388)])
def test_an_older_client_gets_a_user_in_its_own_schema(layer: int, user_id: int) -> None:
    assert layers.encode(ADA, layer)[:4] == struct.pack("<I", user_id)
    user = read_as_client(layer, ADA)
    assert user["_"] == "user"
    assert user["self"] is True
    assert "bot" not in user
    assert (user["id"], user["access_hash"], user["first_name"]) == (5_000_000_007, -7, "Ада")
    assert (user["username"], user["lang_code"]) == ("ada", "ru")
    assert user["usernames"][0]["username"] == "ada"


def test_what_lies_inside_containers_is_of_the_older_layer_too() -> None:
    found = read_as_client(198, updates(types.UpdateNewMessage(HELLO, 11, 1)))
    assert found["_"] == "updates"
    assert found["date"] == int(NOW.timestamp())
    (update,) = found["updates"]
    assert (update["pts"], update["pts_count"]) == (11, 1)
    message = update["message"]
    assert (message["id"], message["message"], message["out"]) == (3, "hello", True)
    assert message["date"] == int(NOW.timestamp())
    assert message["entities"][0]["length"] == 5
    assert found["users"][0]["first_name"] == "Ада"
    (row,) = message["reply_markup"]["rows"]
    press, link = row["buttons"]
    assert (press["_"], press["text"], press["data"]) == ("keyboardButtonCallback", "press", b"data")
    assert press["requires_password"] is True
    assert (link["_"], link["url"]) == ("keyboardButtonUrl", "https://example.org")


def test_of_two_fields_on_one_flag_the_one_without_a_value_gets_a_default() -> None:
    seen = types.Message(id=3, peer_id=types.PeerUser(1), date=NOW, message="seen", views=4)
    message = read_as_client(198, seen)
    assert (message["views"], message["forwards"]) == (4, 0)


def test_a_vector_in_a_result_is_of_the_older_layer_too() -> None:
    assert [user["_"] for user in read_as_client(198, [ADA, ADA], "Vector<User>")] == ["user", "user"]


def test_updates_that_an_older_layer_does_not_have_are_left_out() -> None:
    stopped = types.UpdateBotStopped(ADA.id, NOW, True, 4)
    newer = types.UpdateDeleteEphemeralMessages(types.PeerUser(1), [1])
    for layer in OLDER:
        assert layers.encode(updates(newer, stopped), layer) == layers.encode(updates(stopped), layer)
    assert [update["_"] for update in read_as_client(198, updates(newer, stopped))["updates"]] == [
        "updateBotStopped"
    ]
    with pytest.raises(layers.EncodeError):
        layers.encode(types.UpdateShort(newer, NOW), 198)


def test_an_update_whose_needed_member_has_no_older_form_is_left_out_alone() -> None:
    muted = types.UpdateNotifySettings(types.NotifyCommunity(1), types.PeerNotifySettings())
    stopped = types.UpdateBotStopped(ADA.id, NOW, True, 4)
    assert layers.encode(updates(muted, stopped), 198) == layers.encode(updates(stopped), 198)


def test_newer_media_show_as_unsupported_and_newer_actions_as_empty() -> None:
    todo = types.MessageMediaToDo(types.TodoList(types.TextWithEntities("t", []), []))
    message = types.Message(id=3, peer_id=types.PeerUser(1), date=NOW, message="", media=todo)
    assert read_as_client(198, message)["media"] == {"_": "messageMediaUnsupported"}
    action = types.MessageActionChangeCommunity(types.InputPeerSelf())
    service = types.MessageService(id=3, peer_id=types.PeerUser(1), date=NOW, action=action)
    assert read_as_client(198, service)["action"] == {"_": "messageActionEmpty"}


def test_encoding_for_an_older_layer_leaves_the_object_as_it_was() -> None:
    value = updates(types.UpdateNewMessage(HELLO, 1, 1))
    before = bytes(value)
    for layer in OLDER:
        layers.encode(value, layer)
    assert bytes(value) == before


@pytest.mark.parametrize("layer", [1, 149, 153, 210, 226])
def test_nothing_is_encoded_for_a_layer_that_is_not_listed(layer: int) -> None:
    with pytest.raises(layers.EncodeError):
        layers.encode(ADA, layer)


# --- requests

SEND_198 = (
    struct.pack("<II", 0x983F9745, 1 << 1 | 1 << 3)
    + struct.pack("<Iqq", 0xDDE8A54C, ADA.id, -7)
    + b"\x05hello\0\0"
    + struct.pack("<q", 99)
    + struct.pack("<Ii", 0x1CB5C415, 1)
    + struct.pack("<Iii", 0xBD610BC9, 0, 5)
)


def test_a_request_of_an_older_layer_fills_telethons_class_by_name() -> None:
    request = layers.decode(SEND_198, 198)
    assert isinstance(request, functions.messages.SendMessageRequest)
    assert request.peer == types.InputPeerUser(ADA.id, -7)
    assert (request.message, request.random_id, request.no_webpage) == ("hello", 99, True)
    assert request.entities == [types.MessageEntityBold(0, 5)]
    assert request.rich_message is None
    assert not request.silent


def test_wrappers_keep_their_query_and_the_query_is_of_the_wrappers_layer() -> None:
    head = bytes(functions.InitConnectionRequest(1, "a", "b", "c", "d", "e", "f", types.InputPeerSelf()))[:-4]
    body = struct.pack("<Ii", 0xDA9B0D0D, 198) + head + struct.pack("<I", 0xBF9459B7) + SEND_198
    request = layers.decode(body, 0)
    assert isinstance(request, functions.InvokeWithLayerRequest)
    assert request.layer == 198
    assert isinstance(request.query, functions.InitConnectionRequest)
    assert request.query.api_id == 1
    assert isinstance(request.query.query, functions.InvokeWithoutUpdatesRequest)
    assert request.query.query.query.message == "hello"


def test_older_inline_buttons_become_telethons_and_go_back_as_they_came() -> None:
    markup = layers.encode(INLINE, 198)
    body = (
        struct.pack("<II", 0x983F9745, 1 << 2)
        + bytes(types.InputPeerSelf())
        + b"\0\0\0\0"
        + struct.pack("<q", 1)
        + markup
    )
    request = layers.decode(body, 198)
    row = request.reply_markup.rows[0]
    assert isinstance(row, types.KeyboardInlineButtonRow)
    assert row.buttons[0].type == types.InlineButtonTypeCallback(b"data", True)
    assert layers.encode(request.reply_markup, 198) == markup
    assert bytes(layers.decode(bytes(request), LAYER)) == bytes(request)


def test_what_is_no_inline_button_is_refused_among_them() -> None:
    markup = layers.encode(INLINE, 198)
    send = (
        struct.pack("<II", 0x983F9745, 1 << 2)
        + bytes(types.InputPeerSelf())
        + bytes(4)
        + struct.pack("<q", 1)
    )
    row = struct.pack("<Ii", 0x77608B83, 0x1CB5C415)
    plain = struct.pack("<I", 0xB16A6C29) + b"\5Phone\0\0"
    rows = struct.pack("<IIi", 0x48A30254, 0x1CB5C415, 1)
    assert layers.decode(send + markup, 198)
    for wrong in (row + struct.pack("<i", 1) + plain, plain, bytes(ADA)):
        with pytest.raises(layers.DecodeError):
            layers.decode(send + rows + wrong, 198)


def test_a_plain_keyboard_of_an_older_layer_becomes_telethons() -> None:
    keyboard = types.ReplyKeyboardMarkup(
        [types.KeyboardButtonRow([types.KeyboardButton("Phone", types.ButtonTypeRequestPhone())])]
    )
    for layer in OLDER:
        encoded = layers.encode(keyboard, layer)
        body = (
            struct.pack("<II", 0x983F9745, 1 << 2)
            + bytes(types.InputPeerSelf())
            + b"\0\0\0\0"
            + struct.pack("<q", 1)
            + encoded
        )
        assert bytes(layers.decode(body, layer).reply_markup) == bytes(keyboard)


def gzipped(body: bytes) -> bytes:
    return struct.pack("<I", 0x3072CFA1) + bytes(TLObject.serialize_bytes(gzip.compress(body)))


def test_packed_bodies_are_unpacked_at_the_top_and_inside_wrappers() -> None:
    assert layers.decode(gzipped(SEND_198), 198).message == "hello"
    zlibbed = struct.pack("<I", 0x3072CFA1) + bytes(TLObject.serialize_bytes(zlib.compress(SEND_198)))
    assert layers.decode(zlibbed, 198).message == "hello"
    wrapped = struct.pack("<Ii", 0xDA9B0D0D, 198) + gzipped(SEND_198)
    assert layers.decode(wrapped, 0).query.message == "hello"


def test_a_packed_body_that_would_fill_the_memory_is_refused() -> None:
    long = bytes(functions.messages.SendMessageRequest(types.InputPeerSelf(), "x" * (3 << 20)))
    assert len(layers.decode(long, LAYER).message) == 3 << 20
    with pytest.raises(layers.DecodeError):
        layers.decode(gzipped(long), LAYER)


def test_a_packed_body_that_is_cut_off_is_refused() -> None:
    packed = gzip.compress(SEND_198)
    for cut in range(1, len(packed)):
        body = struct.pack("<I", 0x3072CFA1) + bytes(TLObject.serialize_bytes(packed[:-cut]))
        with pytest.raises(layers.DecodeError):
            layers.decode(body, LAYER)


def test_nesting_without_end_is_refused() -> None:
    for wrapper in (struct.pack("<I", 0xBF9459B7), struct.pack("<Ii", 0xDA9B0D0D, 229)):
        assert layers.decode(wrapper * 20 + SEND_198, LAYER)
        with pytest.raises(layers.DecodeError):
            layers.decode(wrapper * 80 + SEND_198, LAYER)
        with pytest.raises(layers.DecodeError):
            layers.decode(wrapper * 10_000 + SEND_198, LAYER)
    body = SEND_198
    for _ in range(80):
        body = gzipped(body)
    with pytest.raises(layers.DecodeError):
        layers.decode(body, LAYER)


def test_unknown_ids_are_told_apart_as_methods_and_types() -> None:
    for head in (b"", struct.pack("<Ii", 0xDA9B0D0D, 198), struct.pack("<I", 0xBF9459B7)):
        with pytest.raises(layers.UnknownConstructor) as caught:
            layers.decode(head + struct.pack("<I", 0x01020304), LAYER)
        assert caught.value.name == "INPUT_METHOD_INVALID_16909060_0"
        assert caught.value.constructor_id == 0x01020304
    with pytest.raises(layers.UnknownConstructor) as caught:
        layers.decode(SEND_198.replace(struct.pack("<I", 0xDDE8A54C), b"\4\3\2\1"), LAYER)
    assert caught.value.name == "INPUT_CONSTRUCTOR_INVALID_16909060_0"


def test_a_type_is_not_a_method_and_a_wrong_type_is_not_taken_for_a_member() -> None:
    with pytest.raises(layers.UnknownConstructor):
        layers.decode(bytes(types.InputPeerSelf()), LAYER)
    with pytest.raises(layers.DecodeError):
        layers.decode(bytes(functions.messages.SetTypingRequest(ADA, types.SendMessageTypingAction())), LAYER)
    with pytest.raises(layers.DecodeError):
        layers.decode(bytes(functions.InvokeWithoutUpdatesRequest(ADA)), LAYER)
    with pytest.raises(layers.DecodeError):
        layers.decode(bytes(functions.users.GetUsersRequest([types.InputUserSelf(), ADA])), LAYER)


def test_the_error_about_malformed_bytes_does_not_quote_them() -> None:
    request = bytes(functions.messages.SendMessageRequest(types.InputPeerSelf(), "a secret text"))
    for cut in range(len(request)):
        with pytest.raises(layers.DecodeError) as caught:
            layers.decode(request[:cut], LAYER)
        assert "secret" not in f"{caught.value!r}{caught.value.__cause__!r}"
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_bytes_after_the_request_are_refused() -> None:
    with pytest.raises(layers.DecodeError):
        layers.decode(SEND_198 + bytes(4), LAYER)
    with pytest.raises(layers.DecodeError):
        layers.decode(gzipped(SEND_198 + bytes(4)), LAYER)


IDS = st.sampled_from([*tlobjects, *catalogue.entries(), 0x1CB5C415, 0x3072CFA1, 0x997275B5])
WORDS = st.one_of(IDS.map(lambda number: struct.pack("<I", number)), st.binary(min_size=4, max_size=4))
WRAPPED = st.lists(WORDS, max_size=40).map(b"".join)


@settings(max_examples=400)
@given(data=st.one_of(st.binary(max_size=300), WRAPPED, WRAPPED.map(gzipped)), cut=st.integers(0, 3))
def test_any_bytes_are_a_request_or_a_decode_error(data: bytes, cut: int) -> None:
    try:
        request = layers.decode(data[: len(data) - cut], LAYER)
    except layers.DecodeError:
        return
    bytes(request)


SEED_REQUESTS = [
    SEND_198,
    gzipped(SEND_198),
    bytes(functions.messages.SendMessageRequest(types.InputPeerSelf(), "x" * 300, reply_markup=INLINE)),
    bytes(functions.InvokeWithLayerRequest(198, functions.help.GetConfigRequest())),
]


@settings(max_examples=400)
@given(
    seed=st.sampled_from(SEED_REQUESTS), at=st.integers(0), put=st.binary(max_size=8), cut=st.integers(0, 8)
)
def test_any_damage_to_a_request_gives_a_request_or_a_decode_error(
    seed: bytes, at: int, put: bytes, cut: int
) -> None:
    at %= len(seed)
    try:
        layers.decode(seed[:at] + put + seed[at + cut :], LAYER)
    except layers.DecodeError:
        return


def test_a_line_that_is_no_definition_is_refused() -> None:
    with pytest.raises(ValueError, match="not a TL definition"):
        schema.parse("user id:long = User;")
