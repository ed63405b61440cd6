"""What a plain client was answered: names of RPC errors, kinds of updates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from telethon.errors import RPCError
from telethon.errors.rpcerrorlist import rpc_errors_dict

_NAMES = {kind: name for name, kind in rpc_errors_dict.items()}


@contextmanager
def refused(name: str, code: int = 400) -> Iterator[None]:
    """Expect an RPC error with this name and code, whether Telethon has a class for it or not."""
    with pytest.raises(RPCError) as caught:
        yield
    assert (_NAMES.get(type(caught.value), caught.value.message), caught.value.code) == (name, code)


def kinds(updates: Any) -> list[str]:
    """Return the names of the updates in an answer."""
    return [type(update).__name__ for update in updates.updates]
