"""What client and session use of Telethon beyond its documented interface: each part still is as it was.

A test that fails here names the part, and says what has to be looked at before a new Telethon is taken.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from telethon import TelegramClient
from telethon._updates import entitycache, messagebox
from telethon._updates import session as updates_session
from telethon.client import chats
from telethon.network import mtprotosender
from telethon.sessions import sqlite
from telethon.tl.custom import conversation

PARTS: list[tuple[Any, str, str, str]] = [
    (messagebox.MessageBox, "apply_difference", "self, diff, chat_hashes", "UpdateBox overrides it"),
    (messagebox.MessageBox, "apply_difference_type", "self, diff, chat_hashes", "UpdateBox replaces it"),
    (messagebox.MessageBox, "process_updates", "self, updates, chat_hashes, result", "Intake calls it"),
    (messagebox.MessageBox, "apply_pts_info", "self, update, *, reset_deadlines", "UpdateBox calls it"),
    (messagebox.MessageBox, "try_begin_get_diff", "self, entry, reason", "UpdateBox asks with it"),
    (messagebox.MessageBox, "set_state", "self, state, reset=True", "UpdateBox sets the state with it"),
    (messagebox.MessageBox, "load", "self, session_state, channel_states", "UpdateBox starts with it"),
    (messagebox.MessageBox, "check_deadlines", "self", "Intake waits until what it returns"),
    (messagebox.MessageBox, "_trace", "self, msg, *args, **kwargs", "UpdateBox silences it"),
    (messagebox.PtsInfo, "from_update", "update", "UpdateBox reads pts and qts with it"),
    (entitycache.EntityCache, "get", "self, id", "PeerCache answers it from the session"),
    (entitycache.EntityCache, "extend", "self, users, chats", "PeerCache drops it"),
    (entitycache.EntityCache, "set_self_user", "self, id, bot, hash", "PeerCache keeps who we are"),
    (updates_session.ChannelState, "__init__", "self, channel_id, pts", "UpdateBox loads with it"),
    (mtprotosender.MTProtoSender, "_connect", "self", "BotSender notes that the link is up"),
    (mtprotosender.MTProtoSender, "_try_connect", "self, attempt", "BotSender says an outage once"),
    (mtprotosender.MTProtoSender, "_disconnect", "self, error=None", "BotSender notes that the link is lost"),
    (mtprotosender.MTProtoSender, "_start_reconnect", "self, error", "BotSender notes that it is down"),
    (mtprotosender.MTProtoSender, "_keepalive_ping", "self, rnd_id", "the client pings with it"),
    (mtprotosender.MTProtoSender, "_transport_connected", "self", "the client asks it before a ping"),
    (mtprotosender.MTProtoSender, "send", "self, request, ordered=False", "every request goes through it"),
    (chats._ChatAction, "__aenter__", "self", "ChatAction asks Telegram there"),
    (chats._ChatAction, "__aexit__", "self, *args", "ChatAction takes the action back there"),
    (conversation.Conversation, "_on_new_message", "self, response", "conversations are fed with it"),
    (conversation.Conversation, "_on_edit", "self, message", "conversations are fed with it"),
    (conversation.Conversation, "_on_read", "self, event", "conversations are fed with it"),
    (conversation.Conversation, "_check_custom", "self, built", "conversations are fed with it"),
    (sqlite.SQLiteSession, "_cursor", "self", "DurableSession opens the file there"),
    (sqlite.SQLiteSession, "_update_session_table", "self", "DurableSession wraps it in a transaction"),
    (sqlite.SQLiteSession, "get_entity_rows_by_id", "self, id, exact=True", "DurableSession answers it"),
    (TelegramClient, "_on_login", "self, user", "the client keeps the update state there"),
    (TelegramClient, "_update_loop", "self", "the client takes updates in its stead"),
    (TelegramClient, "_keepalive_loop", "self", "the client pings in its stead"),
    (TelegramClient, "_handle_auto_reconnect", "self", "the client asks for the difference there"),
    (TelegramClient, "_save_states_and_entities", "self", "the client writes nothing there"),
    (TelegramClient, "_switch_dc", "self, new_dc", "requests follow a migration with it"),
    (TelegramClient, "_disconnect", "self", "a login starts over with it"),
    (TelegramClient, "_parse_message_text", "self, message, parse_mode", "plain texts skip it"),
]


@pytest.mark.parametrize(
    ("owner", "name", "takes", "used"), PARTS, ids=lambda part: getattr(part, "__name__", None)
)
def test_a_private_part_is_there_and_takes_what_it_took(owner: Any, name: str, takes: str, used: str) -> None:
    part = getattr(owner, name, None)
    assert part is not None, f"Telethon no longer has {owner.__name__}.{name}: {used}"
    bare = ", ".join(
        str(parameter.replace(annotation=inspect.Parameter.empty))
        for parameter in inspect.signature(part).parameters.values()
    )
    # A bare * does not show as a parameter.
    assert bare == takes.replace("*, ", ""), f"{owner.__name__}.{name} takes something else now: {used}"


def test_the_session_format_is_the_one_that_we_extend() -> None:
    assert sqlite.CURRENT_VERSION == 8, (
        "Telethon's session file has a new version: see what changed in its tables"
    )


def test_a_difference_is_no_longer_held_against_its_own_state_would_be_news() -> None:
    source = inspect.getsource(messagebox.MessageBox.apply_difference_type)
    assert source.index("self.set_state") < source.index("self.process_updates"), (
        "Telethon now applies a difference before it sets the state: UpdateBox may not be needed any more"
    )
