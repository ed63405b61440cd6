"""What the client and session use of Telethon beyond its documented interface: each part still is as it was.

A test that fails here names the part, and says what has to be looked at before a new Telethon is taken. The
last tests here see to it that no private part is used without being named.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import telethon
from telethon import TelegramClient, crypto, events, extensions
from telethon._updates import entitycache
from telethon._updates import session as updates_session
from telethon.client import chats, telegrambaseclient, updates
from telethon.crypto import rsa
from telethon.errors import rpcerrorlist
from telethon.events import common
from telethon.extensions import markdown
from telethon.network import (
    authenticator,
    mtprotoplainsender,
    mtprotosender,
)
from telethon.sessions import MemorySession, sqlite
from telethon.tl import alltlobjects, core, functions, types
from telethon.tl.custom import conversation

import tgbot

#: Callables: whose, which, what it takes, what for.
CALLS: list[tuple[Any, str, str, str]] = [
    (entitycache.EntityCache, "get", "self, id", "Peers answers it from the session"),
    (entitycache.EntityCache, "extend", "self, users, chats", "Peers drops it"),
    (entitycache.EntityCache, "set_self_user", "self, id, bot, hash", "Peers keeps who we are"),
    (updates_session.Entity, "__init__", "self, ty, id, hash", "Peers answers with one"),
    (
        mtprotoplainsender.MTProtoPlainSender,
        "__init__",
        "self, connection, *, loggers",
        "auth keys are made over it",
    ),
    (crypto.AuthKey, "__init__", "self, data", "BotSender begins without a key"),
    (authenticator, "do_authentication", "sender", "auth keys are made with it"),
    (core.GzipPacked, "from_reader", "reader", "everything is unpacked there, within a limit"),
    (conversation.Conversation, "__aenter__", "self", "an open conversation holds no chat up"),
    (
        conversation.Conversation,
        "__aexit__",
        "self, exc_type, exc_val, exc_tb",
        "a closed conversation costs time again",
    ),
    (conversation.Conversation, "_on_new_message", "self, response", "conversations are fed with it"),
    (conversation.Conversation, "_on_edit", "self, message", "conversations are fed with it"),
    (conversation.Conversation, "_on_read", "self, event", "conversations are fed with it"),
    (common.EventCommon, "_set_client", "self, client", "events are given the client with it"),
    (events.NewMessage, "build", "update, others=None, self_id=None", "events are built with it"),
    (sqlite.SQLiteSession, "_cursor", "self", "DurableSession opens the file there"),
    (sqlite.SQLiteSession, "_update_session_table", "self", "DurableSession wraps it in a transaction"),
    (sqlite.SQLiteSession, "close", "self", "DurableSession closes its reader there, too"),
    (sqlite.SQLiteSession, "set_update_state", "self, entity_id, state", "DurableSession drops it"),
    (sqlite.SQLiteSession, "process_entities", "self, tlo", "DurableSession remembers peers there"),
    (sqlite.SQLiteSession, "get_entity_rows_by_id", "self, id, exact=True", "DurableSession answers it"),
    (sqlite.SQLiteSession, "get_entity_rows_by_username", "self, username", "DurableSession answers it"),
    (MemorySession, "get_entity_rows_by_phone", "self, phone", "PostgresSession answers it"),
    (MemorySession, "get_entity_rows_by_name", "self, name", "PostgresSession answers it"),
    (rsa, "add_key", "pub, *, old", "the key of a server of one's own is made known with it"),
    (
        TelegramClient,
        "_call",
        "self, sender, request, ordered=False, flood_sleep_threshold=None",
        "our calls",
    ),
    (TelegramClient, "_on_login", "self, user", "the client keeps the update state there"),
    (TelegramClient, "_borrow_exported_sender", "self, dc_id", "downloads ask for another data centre there"),
    (TelegramClient, "_return_exported_sender", "self, sender", "downloads end with it"),
    (TelegramClient, "_save_states_and_entities", "self", "the client writes nothing there"),
    (TelegramClient, "_auth_key_callback", "self, auth_key", "the sender tells a new auth key with it"),
    (TelegramClient, "_disconnect", "self", "a login starts over with it"),
    (TelegramClient, "_get_response_message", "self, request, result, input_chat", "plain texts return it"),
]

#: Names of modules: whose, which, what for.
NAMES: list[tuple[Any, str, str]] = [
    (updates_session, "EntityType", "Peers tells users and channels apart with it"),
    (alltlobjects, "LAYER", "the client introduces itself with it"),
    (alltlobjects, "tlobjects", "the types of answers are known from it"),
    (extensions.BinaryReader, "tgread_object", "messages are read with it"),
    (rpcerrorlist, "rpc_errors_dict", "the name of an error is read from it"),
    (rpcerrorlist, "rpc_errors_re", "the name of an error with a number is read from it"),
    (sqlite, "CURRENT_VERSION", "older session files are told by it"),
]

#: Attributes of one thing made by Telethon: whose, which, what for.
ATTRIBUTES: list[tuple[str, str, str]] = [
    ("cache", "self_id", "the client names sends after it"),
    ("cache", "self_bot", "Peers sets it"),
    ("action", "_action", "ours shows it"),
    ("client", "_use_ipv6", "the client finds other data centres by it"),
    ("client", "_sender", "the client puts a BotSender there"),
    ("client", "_mb_entity_cache", "the client puts a Peers there"),
    ("client", "_updates_queue", "the client puts its Intake there"),
    ("client", "_loop", "the client says in which loop it runs"),
    ("client", "_log", "the client logs nothing of what arrives"),
    ("client", "_init_request", "the client introduces itself with it"),
    ("client", "_parse_mode", "plain texts skip the parsing only where it is Telethon's own"),
    ("client", "_event_builders", "handlers are found there"),
    ("client", "_conversations", "open conversations are found there"),
    ("conversation", "_client", "a conversation tells the dispatcher through it"),
    ("conversation", "_custom", "what a conversation waits for is found there"),
    ("session", "_conn", "DurableSession keeps its connection there"),
    ("message", "_chat_peer", "a message that was sent has its chat there"),
    ("message", "_chat", "events give messages their chat there"),
    ("message", "_input_chat", "the same, as requests name it"),
    ("message", "_sender", "events give messages their sender there"),
    ("message", "_input_sender", "the same, as requests name it"),
    ("event", "_init", "events of private messages are built without Telethon's steps"),
    ("event", "_broadcast", "likewise"),
    ("event", "_message_id", "likewise"),
    ("event", "_client", "events without a chat are given the client there"),
    ("event", "_entities", "events find the users of their container there"),
]

#: What must stand in the source of a part for ours to work: whose, which, the words, what follows from them.
WORDS: list[tuple[Any, str, str, str]] = [
    (core.RpcResult, "from_reader", "GzipPacked.from_reader(", "answers are unpacked within a limit"),
    (authenticator, "do_authentication", "could not find a valid key", "a wrong key is told by it"),
    (common.EventCommon, "_set_client", "self._entities", "events find the users of their container there"),
    (
        TelegramClient,
        "get_input_entity",
        "self._mb_entity_cache.get(",
        "Peers is asked for access hashes",
    ),
]


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[dict[str, Any]]:
    """One of each thing, made by Telethon as it makes them for itself."""
    session = sqlite.SQLiteSession(str(tmp_path / "stock"))
    client = TelegramClient(MemorySession(), 1, "hash")
    update = types.UpdateNewMessage(types.Message(1, types.PeerUser(1), message=""), 2, 1)
    yield {
        "client": client,
        "cache": client._mb_entity_cache,
        "action": client.action(types.InputPeerUser(1, 1), "typing"),
        "conversation": client.conversation(types.InputPeerUser(1, 1)),
        "session": session,
        "event": events.NewMessage.build(update, None, 7),
        "message": update.message,
    }
    session.close()


def spelled(part: Any) -> str:
    """What a callable takes, without annotations and without values that are no literals."""
    shown, starred = [], False
    for parameter in inspect.signature(part).parameters.values():
        bare = str(parameter.replace(annotation=inspect.Parameter.empty))
        starred = starred or parameter.kind is parameter.VAR_POSITIONAL
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        shown.append(re.sub(r"=(<|datetime).*", "=…", bare))
    return ", ".join(shown)


def of(owner: Any) -> str:
    return str(owner.__name__).rpartition(".")[2]


@pytest.mark.parametrize(
    ("owner", "name", "takes", "used"), CALLS, ids=[f"{of(row[0])}.{row[1]}" for row in CALLS]
)
def test_a_private_part_is_there_and_takes_what_it_took(owner: Any, name: str, takes: str, used: str) -> None:
    part = getattr(owner, name, None)
    assert part is not None, f"Telethon no longer has {of(owner)}.{name}: {used}"
    assert spelled(part) == takes, f"{of(owner)}.{name} takes something else now: {used}"


@pytest.mark.parametrize(("owner", "name", "used"), NAMES, ids=[f"{of(row[0])}.{row[1]}" for row in NAMES])
def test_a_private_name_is_there(owner: Any, name: str, used: str) -> None:
    assert hasattr(owner, name), f"Telethon no longer has {of(owner)}.{name}: {used}"


@pytest.mark.parametrize(
    ("thing", "name", "used"), ATTRIBUTES, ids=[f"{row[0]}.{row[1]}" for row in ATTRIBUTES]
)
async def test_a_private_attribute_is_there(made: dict[str, Any], thing: str, name: str, used: str) -> None:
    assert hasattr(made[thing], name), f"Telethon's {thing} has no attribute {name} any more: {used}"


@pytest.mark.parametrize(
    ("owner", "name", "words", "so"), WORDS, ids=[f"{of(row[0])}.{row[1]}:{row[2]}" for row in WORDS]
)
def test_a_part_still_does_what_ours_lives_on(owner: Any, name: str, words: str, so: str) -> None:
    source = inspect.getsource(getattr(owner, name))
    assert words in source, f"{of(owner)}.{name} no longer has {words!r}; with it, {so}"


def test_a_request_is_introduced_by_what_telethon_introduces_its_first_one_with() -> None:
    source = inspect.getsource(TelegramClient.connect)
    assert "self._init_request.query" in source, "Telethon introduces itself differently: see `introduced`"
    assert "InvokeWithLayerRequest" in source, "Telethon introduces itself differently: see `introduced`"
    assert "query" in inspect.signature(functions.InitConnectionRequest).parameters


def test_texts_are_parsed_as_markdown_unless_somebody_says_otherwise() -> None:
    assert TelegramClient(MemorySession(), 1, "hash")._parse_mode is markdown, "plain texts would be parsed"


def test_the_session_format_is_the_one_that_we_extend() -> None:
    assert sqlite.CURRENT_VERSION == 8, (
        "Telethon's session file has a new version: see what changed in its tables"
    )


async def test_the_tables_of_a_session_are_those_that_we_write(tmp_path: Path) -> None:
    session = sqlite.SQLiteSession(str(tmp_path / "stock"))
    tables = session._cursor().execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    columns = {
        name: [row[1] for row in session._cursor().execute(f"PRAGMA table_info({name})")]
        for name, _ in tables
    }
    session.close()
    assert columns["entities"] == ["id", "hash", "username", "phone", "name", "date"], (
        "DurableSession writes it"
    )
    assert columns["update_state"] == ["id", "pts", "qts", "date", "seq"], "DurableSession writes it"
    assert columns["version"] == ["version"], "DurableSession reads it"
    assert {"sessions", "sent_files"} <= set(columns), "a file without them is taken for damaged"


# ---- nothing private is used without being named above ---------------------------------------------

HERE = Path(tgbot.__file__).parent
FILES = [
    *sorted((HERE / "telegram").rglob("*.py")),
    *sorted((HERE / "store").rglob("*.py")),
]
#: Modules of Telethon whose names are documented; these may be used as they are.
DOCUMENTED = (
    "telethon",
    "telethon.tl",
    "telethon.errors",
    "telethon.events",
    "telethon.hints",
    "telethon.tl.custom",
)
NAMED = {row[1] for row in (*CALLS, *NAMES, *ATTRIBUTES)} | {
    "_self_outgoing",
    "__init__",
}
#: What Python documents of a NamedTuple.
PYTHONS = {"_fields"}
NAMED_OWNERS = {of(row[0]) for row in (*CALLS, *NAMES)} | {"SQLiteSession"}


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for file in FILES:
        yield file, ast.parse(file.read_text())


def ours() -> set[str]:
    """Private names that our own classes and modules give to something."""
    found = set()
    for _, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                found.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
    return found


def telethons() -> set[str]:
    """Private names that the classes we build on give to something."""
    found = set()
    for module in (
        mtprotosender,
        telegrambaseclient,
        updates,
        chats,
        conversation,
        sqlite,
        common,
    ):
        found |= set(re.findall(r"\bself\.(_[a-z]\w*)", inspect.getsource(module)))
    return found


def test_every_private_attribute_that_is_used_is_named_here() -> None:
    theirs, our_own = telethons(), ours()
    missing = {
        f"{file.name}:{node.lineno} {node.attr}"
        for file, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and re.fullmatch(r"_[a-z]\w*", node.attr)
        and node.attr not in NAMED | PYTHONS
        and (node.attr not in our_own or (node.attr in theirs and reached(node) in THEIRS))
    }
    assert not missing, f"private parts of Telethon that no test names: {sorted(missing)}"


#: What our code calls things that Telethon made.
THEIRS = {"client", "sender", "conversation", "event", "made", "update", "box", "super"}


def reached(node: ast.Attribute) -> str:
    """By what name an attribute is reached: `sender` in `self._sender._log`."""
    value = node.value
    if isinstance(value, ast.Call):
        value = value.func
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return name.strip("_")


def test_every_method_of_telethons_that_is_overridden_is_named_here() -> None:
    from tgbot.store.postgres.session import PostgresSession
    from tgbot.store.sqlite.session import DurableSession
    from tgbot.telegram.client import BotClient
    from tgbot.telegram.compat.conversation import Conversation

    missing = {
        f"{kind.__name__}.{name}"
        for kind in (
            BotClient,
            Conversation,
            DurableSession,
            PostgresSession,
        )
        for own in kind.__mro__
        if own.__module__.startswith("tgbot.")
        for name in vars(own)
        if any(name in vars(base) for base in kind.__mro__ if base.__module__.startswith("telethon."))
        and not re.fullmatch(
            r"__(doc|module|slots|annotations|abstractmethods|dict|weakref|firstlineno|static_attributes)__|_abc_impl",
            name,
        )
        and name not in NAMED
        and name not in inspect.signature(TelegramClient.conversation).parameters
    }
    # Documented, or every object's.
    missing -= {
        "BotClient.__call__",
        "BotClient.action",
        "BotClient.connect",
        "BotClient.conversation",
        "BotClient.log_out",
        "BotClient.set_proxy",
        "BotClient.sign_in",
        "BotClient.send_message",
        # What Telethon asks of any session.
        "DurableSession.save",
        "PostgresSession.auth_key",
        "PostgresSession.save",
        "PostgresSession.set_dc",
    }
    assert not missing, f"methods of Telethon that are overridden and that no test names: {sorted(missing)}"


def test_every_name_imported_from_telethons_inside_is_named_here() -> None:
    missing = {
        f"{node.module}.{name.name}"
        for _, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").startswith("telethon.")
        and node.module not in DOCUMENTED
        for name in node.names
        if name.name not in NAMED and name.name not in NAMED_OWNERS
    }
    missing -= {"telethon.extensions.markdown"}  # documented
    assert not missing, f"names of Telethon's inside that no test names: {sorted(missing)}"


def test_everything_named_here_is_used() -> None:
    sources = "".join(file.read_text() for file in FILES)
    unused = {name for name in NAMED if not re.search(rf"\b{name}\b", sources)}
    assert not unused, f"our code no longer uses these: take their rows out: {sorted(unused)}"


def test_telethon_is_the_version_that_all_this_was_written_for() -> None:
    assert telethon.__version__.startswith("1.45."), "a new Telethon: run all tests, then change this line"


#: How many private parts may be used at most; the number only goes down.
MOST = 70


def test_no_more_private_parts_are_used_than_before() -> None:
    rows = len(CALLS) + len(NAMES) + len(ATTRIBUTES) + len(WORDS)
    assert rows <= MOST, "use what Telethon documents, or write the part ourselves"
