"""Clients of all listed layers: what they send means what it meant, and they can read what they get."""

from __future__ import annotations

import ast
import datetime
import logging
import re
import struct
import zlib
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from telethon.extensions import BinaryReader
from telethon.tl import TLObject, TLRequest, functions, types
from telethon.tl.alltlobjects import LAYER, tlobjects

import tgbot.sandbox
from tgbot.sandbox import catalogue, conversions, layers, older, reading, signatures
from tgbot.sandbox.methods import METHODS
from tgbot.sandbox.server import Sandbox

from .conftest import Person
from .rawclient import RawClient, raw
from .schemareader import SchemaReader, has, lines, listed, of_layer, read_as_client, written

NOW = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
LAYERS = listed()
#: Methods around other methods; they are the same in all layers.
GENERIC = re.compile(r"invoke|initConnection")


# --- the file of definitions


def test_each_definition_has_the_id_that_telegram_computes_from_it() -> None:
    for _, _, definition in lines():
        number = int(definition.split(" ")[0].split("#")[1], 16)
        text = re.sub(r"#[0-9a-f]{8}", "", definition.rstrip(";"))
        text = re.sub(r" \w+:flags\d*\.\d+\?true", "", text)
        text = re.sub(r"([:?])bytes ", r"\1string ", text).replace("<", " ").replace(">", "")
        assert zlib.crc32(text.encode()) == number, definition


def test_an_id_and_a_name_of_a_layer_have_one_definition() -> None:
    ids = [definition.split(" ")[0].split("#")[1] for _, _, definition in lines()]
    assert len(ids) == len(set(ids)) > 3000
    for layer in LAYERS:
        for methods in (False, True):
            names = [text.split("#")[0] for text in of_layer(layer, methods=methods).values()]
            assert len(names) == len(set(names)) > 400


def test_the_listed_layers_are_those_of_the_definitions() -> None:
    ends = {int(end) for spans, _, _ in lines() for span in spans.split(",") for end in span.split("-")}
    assert ends <= set(LAYERS)
    assert list(catalogue.listed()) == LAYERS == sorted(LAYERS)
    assert (LAYERS[0], LAYERS[-1], len(LAYERS)) == (150, LAYER, 60)
    page = Path(tgbot.sandbox.__file__).parents[2] / "docs/sandbox.md"
    assert f"these {len(LAYERS)}: {catalogue.spoken()}." in " ".join(page.read_text("utf-8").split())


def test_the_newest_layer_is_telethons() -> None:
    newest = of_layer(LAYER) | of_layer(LAYER, methods=True)
    for number, definition in newest.items():
        cls = tlobjects[number]
        name = definition.split("#")[0]
        assert signatures.telethon_class(name, method=issubclass(cls, TLRequest)) is cls, name
    # Telethon has types that are in no layer; the sandbox uses none of them.
    used: list[Any] = [cls for cls in (*built(), *METHODS) if not GENERIC.match(signatures.method_name(cls))]
    assert {cls.CONSTRUCTOR_ID for cls in used} <= set(newest)


# --- what the sandbox sends


@cache
def built() -> tuple[type[TLObject], ...]:
    """Return the types that the sandbox makes anywhere in its code, by name."""
    found = set()
    for path in Path(tgbot.sandbox.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and (
                match := re.fullmatch(r"types((?:\.\w+)+)", ast.unparse(node.func))
            ):
                cls: Any = types
                for name in match[1].split(".")[1:]:
                    cls = getattr(cls, name)
                found.add(cls)
    assert len(found) > 150
    return tuple(sorted(found, key=lambda cls: str(cls.__qualname__)))


@cache
def newest() -> dict[str, list[tuple[str, list[tuple[str, str]]]]]:
    """Return the constructors of each type in Telethon's layer: name, and name and kind of each field.

    Those that the sandbox makes come first, then those with the fewest fields.
    """
    found: dict[str, list[tuple[str, list[tuple[str, str]]]]] = defaultdict(list)
    for definition in of_layer(LAYER).values():
        head, result = definition.rstrip(";").split(" = ")
        name, *fields = head.split(" ")
        pairs = [(field.split(":")[0], field.split(":")[1]) for field in fields]
        found[result].append((name.split("#")[0], pairs))
    for constructors in found.values():
        constructors.sort(key=lambda each: (signatures.telethon_class(each[0]) not in built(), len(each[1])))
    return found


@cache
def samples() -> list[tuple[str, Any]]:
    """Return each type that the sandbox makes, with all of its members, and with those only that it needs."""
    return [
        (name, filled(name, fields, whole=whole))
        for constructors in newest().values()
        for name, fields in constructors
        if signatures.telethon_class(name) in built()
        for whole in (True, False)
    ]


SCALARS = {
    "int": 7,
    "long": 7 << 40,
    "double": 1.0,
    "string": "ü",
    "bytes": b"\1",
    "true": True,
    "Bool": True,
}


def filled(name: str, fields: list[tuple[str, str]], *, whole: bool, depth: int = 0) -> Any:
    cls = signatures.telethon_class(name)
    held = signatures.arguments(cls)
    values: dict[str, Any] = {}
    for field, kind in fields:
        argument = {"self": "is_self", "from": "from_"}.get(field, field)
        if argument not in held or kind == "#" or ("?" in kind and (not whole or depth > 2)):
            continue
        if "datetime" in str(held[argument]):
            values[argument] = NOW
        elif name == "updates" and field == "updates" and whole:
            made = [each for each in newest()["Update"] if signatures.telethon_class(each[0]) in built()]
            values[argument] = [filled(*each, whole=whole, depth=1) for each in made]
        else:
            values[argument] = value_of(kind.rpartition("?")[2], whole, depth + 1)
    if cls is types.MessageEmpty:
        values.setdefault("peer_id", None)  # Telethon has it made as a Message.
    return cls(**values)


def value_of(kind: str, whole: bool, depth: int) -> Any:
    if kind in SCALARS:
        return SCALARS[kind]
    if kind.startswith("Vector<"):
        return [value_of(kind[7:-1], whole, depth)]
    constructors = newest()[kind]
    if depth > 1:  # What is deep inside has few members, or a message in a message would have no end.
        constructors = sorted(constructors, key=lambda each: len(each[1]))
    return filled(*constructors[0], whole=whole, depth=depth)


def agree(sent: Any, got: Any) -> None:
    """Check what a client read against what was sent, as far as both have the same members."""
    if isinstance(got, list) and isinstance(sent, list):
        for one, other in zip(sent, got, strict=False):
            if isinstance(one, TLObject) and same_kind(one, other):
                agree(one, other)
    elif isinstance(got, dict):
        for name, value in got.items():
            held = getattr(sent, {"self": "is_self", "from": "from_"}.get(name) or name, None)
            if isinstance(held, TLObject | list) and isinstance(value, dict | list):
                if isinstance(held, list) or same_kind(held, value):
                    agree(held, value)
            elif isinstance(held, int | str | bytes) and type(held) is type(value):
                assert held == value, name


def same_kind(sent: Any, got: Any) -> bool:
    return isinstance(got, dict) and got["_"].rpartition(".")[2].lower() == type(sent).__name__.lower()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_client_of_any_layer_can_read_all_that_the_sandbox_sends(layer: int) -> None:
    names = {definition.split("#")[0] for definition in of_layer(layer).values()}
    for name, value in samples():
        try:
            data = layers.encode(value, layer)
        except layers.EncodeError:
            assert name not in names, f"{name} has no form in its own layer"
            continue
        reader = SchemaReader(layer, data)
        got = reader.object()
        assert reader.at == len(data), name
        if same_kind(value, got):
            agree(value, got)


def test_what_needs_a_type_that_a_layer_does_not_have_is_said() -> None:
    with pytest.raises(layers.EncodeError, match="layer 150"):
        layers.encode(types.messages.InvitedUsers(types.Updates([], [], [], NOW, 0), []), 150)


def test_a_video_has_whole_seconds_and_a_poll_plain_words_in_the_layers_that_know_no_others() -> None:
    video = types.DocumentAttributeVideo(2.6, 4, 3)
    assert [read_as_client(layer, video)["duration"] for layer in (158, 160)] == [3, 2.6]
    answers = [types.PollAnswer(types.TextWithEntities("tea", []), b"0")]
    poll = types.Poll(9, types.TextWithEntities("what?", []), answers, hash=3)
    found = read_as_client(178, poll)
    assert (found["question"], found["answers"][0]["text"]) == ("what?", "tea")
    assert read_as_client(179, poll)["question"]["text"] == "what?"
    results = types.PollResults(recent_voters=[types.PeerUser(5), types.PeerChannel(6)])
    assert read_as_client(158, results)["recent_voters"] == [5], "only users voted then"
    vote = types.UpdateMessagePollVote(9, types.PeerUser(5), [b"0"], [0], 4)
    assert read_as_client(158, vote)["user_id"] == 5
    votes = types.messages.VotesList(1, [types.MessagePeerVote(types.PeerUser(5), b"0", NOW)], [], [])
    assert read_as_client(158, votes)["votes"][0]["user_id"] == 5


# --- results of methods


@cache
def results() -> dict[str, dict[str, set[int]]]:
    """Return, for each method under Telethon's name, the layers by the type of its result."""
    found: dict[str, dict[str, set[int]]] = defaultdict(lambda: defaultdict(set))
    for layer in LAYERS:
        for definition in of_layer(layer, methods=True).values():
            name = definition.split("#")[0]
            result = definition.rstrip(";").split(" = ")[1]
            found[conversions.RENAMED.get(name, name)][result].add(layer)
    return found


def test_a_method_of_the_sandbox_has_a_rule_for_each_result_that_it_had() -> None:
    changed = set()
    for cls in METHODS:
        method = signatures.method_name(cls)
        if GENERIC.match(method):
            continue
        by_type = results()[method]
        (now,) = [kind for kind, found in by_type.items() if LAYER in found]
        changed |= {(method, kind) for kind in by_type if kind != now}
    assert changed == set(conversions.RESULTS)


UPDATES = types.Updates([], [], [], NOW, 0)
INVITED = types.messages.InvitedUsers(UPDATES, [])
JOINED = types.messages.ChatInviteJoinResultOk(UPDATES)
FOLDERS = types.messages.DialogFilters([types.DialogFilterDefault()])
NOWHERE = types.InputChannelEmpty()
CHANGED = [
    (functions.bots.GetBotInfoRequest("en"), types.bots.BotInfo("n", "a", "d")),
    (functions.channels.InviteToChannelRequest(NOWHERE, []), INVITED),
    (functions.channels.JoinChannelRequest(NOWHERE), JOINED),
    (functions.help.GetAppConfigRequest(0), types.help.AppConfig(1, types.JsonObject([]))),
    (functions.messages.AddChatUserRequest(1, types.InputUserSelf(), 0), INVITED),
    (functions.messages.CreateChatRequest([], "a"), INVITED),
    (functions.messages.GetDialogFiltersRequest(), FOLDERS),
    (functions.messages.ImportChatInviteRequest("h"), JOINED),
]


@pytest.mark.parametrize(("request_", "answer"), CHANGED, ids=lambda value: type(value).__name__)
def test_a_result_that_changed_has_the_type_that_the_clients_layer_names(request_: Any, answer: Any) -> None:
    method = signatures.method_name(type(request_))
    for kind, found in results()[method].items():
        for layer in found:
            # The reader checks that the result is of this type.
            read_as_client(layer, older.result(layer, request_, answer), kind)


# --- what clients send


def test_each_field_that_a_method_of_the_sandbox_ever_had_is_read() -> None:
    lost = set()
    for cls in METHODS:
        method = signatures.method_name(cls)
        for entry in catalogue.entries().values():
            if entry.method and conversions.RENAMED.get(entry.name, entry.name) == method:
                fields = conversions.bind(entry.definition, cls).fields
                lost |= {(method, field.name[1:]) for field in fields if field.name.startswith("-")}
    replies = {"saveDraft", "sendInlineBotResult", "sendMedia", "sendMessage", "sendMultiMedia"}
    # These are read as an inputReplyToMessage.
    assert lost == {
        (f"messages.{name}", field) for name in replies for field in ("reply_to_msg_id", "top_msg_id")
    }


ANN: dict[str, Any] = {"_": "inputPeerUser", "user_id": 5, "access_hash": -7}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_client_of_any_layer_replies_to_a_message_and_sends_buttons(layer: int) -> None:
    row = {"_": "keyboardButtonRow", "buttons": [button(layer)]}
    sent: dict[str, Any] = {
        "_": "messages.sendMessage",
        "peer": ANN,
        "message": "so",
        "random_id": 9,
        "reply_markup": {"_": "replyKeyboardMarkup", "rows": [row]},
    }
    if has(layer, "messages.sendMessage", "reply_to_msg_id", method=True):
        sent["reply_to_msg_id"] = 41
    else:
        sent["reply_to"] = {"_": "inputReplyToMessage", "reply_to_msg_id": 41}
    request = layers.decode(written(layer, sent, method=True), layer)
    assert isinstance(request, functions.messages.SendMessageRequest)
    assert (request.peer, request.message, request.random_id) == (types.InputPeerUser(5, -7), "so", 9)
    assert request.reply_to == types.InputReplyToMessage(41)
    (got,) = request.reply_markup.rows[0].buttons
    assert (got.text, type(got.type)) == ("Phone", types.ButtonTypeRequestPhone)
    bytes(request)


def button(layer: int) -> dict[str, Any]:
    if has(layer, "keyboardButtonRequestPhone"):
        return {"_": "keyboardButtonRequestPhone", "text": "Phone"}
    return {"_": "keyboardButton", "text": "Phone", "type": {"_": "buttonTypeRequestPhone"}}


def test_a_reply_into_a_topic_keeps_the_topic() -> None:
    sent = {"_": "messages.sendMessage", "peer": ANN, "message": "so", "random_id": 9}
    for numbers, reply in (
        ({"top_msg_id": 3}, types.InputReplyToMessage(3, top_msg_id=3)),
        ({"reply_to_msg_id": 4, "top_msg_id": 3}, types.InputReplyToMessage(4, top_msg_id=3)),
        ({}, None),
    ):
        request = layers.decode(written(158, sent | numbers, method=True), 158)
        assert request.reply_to == reply


@pytest.mark.parametrize("layer", [150, 178, 179, 223])
def test_a_quiz_of_an_older_layer_names_its_right_answer_by_the_place(layer: int) -> None:
    def words(text: str) -> Any:
        plain = not has(layer, "poll") or layer < 179
        return text if plain else {"_": "textWithEntities", "text": text, "entities": []}

    answers = [{"_": "pollAnswer", "text": words(text), "option": text.encode()} for text in ("tea", "milk")]
    poll = {"_": "poll", "id": 0, "question": words("what?"), "answers": answers, "quiz": True}
    for options, places in (([b"milk"], [1]), ([b"beer"], [2]), (None, None)):
        media = {"_": "inputMediaPoll", "poll": poll, "correct_answers": options}
        sent = {"_": "messages.sendMedia", "peer": ANN, "media": media, "message": "", "random_id": 1}
        request = layers.decode(written(layer, sent, method=True), layer)
        assert request.media.correct_answers == places
        assert request.media.poll.question.text == "what?"
        assert [answer.text.text for answer in request.media.poll.answers] == ["tea", "milk"]
        bytes(request)


def test_topics_were_made_by_methods_of_channels() -> None:
    forum = {"_": "inputChannel", "channel_id": 8, "access_hash": -1}
    sent = {"_": "channels.createForumTopic", "channel": forum, "title": "news", "random_id": 2}
    request = layers.decode(written(214, sent, method=True), 214)
    assert isinstance(request, functions.messages.CreateForumTopicRequest)
    assert (request.peer, request.title) == (types.InputPeerChannel(8, -1), "news")


def test_what_nobody_has_any_more_is_refused_and_named() -> None:
    request = written(150, {"_": "messages.getAllChats", "except_ids": []}, method=True)
    with pytest.raises(layers.UnknownConstructor, match=r"messages\.getAllChats of layers 150-165,167"):
        layers.decode(request, 150)


def test_every_definition_of_every_layer_can_be_read_as_what_it_became() -> None:
    unread = {
        entry.name for entry in catalogue.entries().values() if reading.reading(entry.constructor_id) is None
    }
    assert "messages.sendMessage" not in unread
    assert unread >= {"messages.getAllChats"}
    assert not {name for name in unread if has(LAYER, name) or has(LAYER, name, method=True)}


# --- on the wire


class Ready:
    """A request that is bytes already, inside of one that Telethon packs."""

    def __init__(self, data: bytes) -> None:
        self._bytes = lambda: data


def spoken(layer: int, data: bytes) -> bytes:
    """Return a call of a client that speaks `layer`."""
    init = functions.InitConnectionRequest(1, "test", "1", "1", "en", "", "en", Ready(data))
    return bytes(functions.InvokeWithLayerRequest(layer, init))


async def answer_to(client: RawClient, call: bytes) -> bytes:
    msg_id = client.send(call)
    while True:
        for _, body in await client._open():
            if body[:12] == struct.pack("<Iq", 0xF35C6D01, msg_id):
                return body[12:]


@pytest.mark.parametrize("layer", [150, 158, 166, 200, 228])
async def test_a_reply_of_an_older_client_arrives_and_is_a_reply(
    sandbox: Sandbox, person: Person, layer: int
) -> None:
    ann = await person("Ann")
    me = {"_": "inputPeerSelf"}
    async with raw(sandbox, ann) as client:
        sent = {"_": "messages.sendMessage", "peer": me, "message": "one", "random_id": 1}
        await answer_to(client, spoken(layer, written(layer, sent, method=True)))
        if has(layer, "messages.sendMessage", "reply_to_msg_id", method=True):
            reply: dict[str, Any] = {"reply_to_msg_id": 1}
        else:
            reply = {"reply_to": {"_": "inputReplyToMessage", "reply_to_msg_id": 1}}
        sent |= {"message": "two", "random_id": 2} | reply
        await answer_to(client, spoken(layer, written(layer, sent, method=True)))
        asked = {"_": "messages.getMessages", "id": [{"_": "inputMessageID", "id": 2}]}
        answer = await answer_to(client, spoken(layer, written(layer, asked, method=True)))
    (message,) = SchemaReader(layer, answer).value("messages.Messages")["messages"]
    assert (message["message"], message["reply_to"]["reply_to_msg_id"]) == ("two", 1)


@pytest.mark.parametrize(
    ("layer", "kind"), [(150, "JSONValue"), (155, "help.AppConfig"), (228, "help.AppConfig")]
)
async def test_an_older_client_gets_the_result_that_its_method_had(
    sandbox: Sandbox, person: Person, layer: int, kind: str
) -> None:
    ann = await person("Ann")
    asked = {"_": "help.getAppConfig"} | ({} if layer < 155 else {"hash": 0})
    async with raw(sandbox, ann) as client:
        answer = await answer_to(client, spoken(layer, written(layer, asked, method=True)))
    assert SchemaReader(layer, answer).value(kind)["_"] in ("jsonObject", "help.appConfig")


@pytest.mark.parametrize("layer", [1, 149, 153, 226, LAYER + 1])
async def test_a_layer_that_is_not_listed_is_refused_in_words(
    sandbox: Sandbox, person: Person, caplog: pytest.LogCaptureFixture, layer: int
) -> None:
    ann = await person("Ann")
    config = bytes(functions.help.GetConfigRequest())
    async with raw(sandbox, ann) as client:
        for _ in range(2):
            error = BinaryReader(await answer_to(client, spoken(layer, config))).tgread_object()
            assert (error.error_code, error.error_message) == (400, "CONNECTION_LAYER_INVALID")
        known = await answer_to(client, spoken(150, config))
        assert SchemaReader(150, known).value("Config")["_"] == "config"
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert f"layer {layer}," in line
    assert "150-152, 155, 157-158, 160-167" in line


@pytest.mark.parametrize(
    ("emoticon", "theme"), [("🎄", types.InputChatTheme("🎄")), ("", types.InputChatThemeEmpty())]
)
def test_the_theme_of_a_chat_was_an_emoticon(emoticon: str, theme: object) -> None:
    peer = bytes(types.InputPeerSelf())
    data = 0xE63BE13F.to_bytes(4, "little") + peer + TLObject.serialize_bytes(emoticon)
    request = layers.decode(data, 198)
    assert request.theme == theme
