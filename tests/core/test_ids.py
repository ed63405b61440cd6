from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telethon import utils
from telethon.tl import types

from tgbot.core.ids import bare_id, is_channel, is_user, marked_channel, marked_chat, marked_id


@given(st.integers(1, 10**12 - 1))
def test_marked_ids_are_those_of_telethon(bare: int) -> None:
    for peer in (types.PeerUser(bare), types.PeerChat(bare), types.PeerChannel(bare)):
        marked = marked_id(peer)
        assert marked == utils.get_peer_id(peer)
        assert utils.resolve_id(marked) == (bare, type(peer))
        assert bare_id(marked) == bare
    assert is_user(bare)
    assert not is_user(marked_chat(bare))
    assert not is_channel(marked_chat(bare))
    assert is_channel(marked_channel(bare))


@pytest.mark.parametrize(
    ("peer", "marked"),
    [
        (types.InputPeerUser(5, 1), 5),
        (types.InputUser(5, 1), 5),
        (types.InputPeerChat(5), -5),
        (types.InputPeerChannel(5, 1), -1_000_000_000_005),
        (types.InputChannel(5, 1), -1_000_000_000_005),
        (types.InputPeerSelf(), 0),
        (types.InputPeerEmpty(), 0),
        (None, 0),
        ("what a plugin may have put there", 0),
    ],
)
def test_every_form_of_a_peer_has_its_marked_id(peer: Any, marked: int) -> None:
    assert marked_id(peer) == marked
