"""What commands open of a bot."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
from pathlib import Path
from types import SimpleNamespace
from tgbot.core.errors import TgbotError
from tgbot.store.opening import kept_at
files = {name: Path(name) for name in ("session", "registry", "logins")}
kept = kept_at(SimpleNamespace(**files, address=ADDRESS, node="one"))
for opening in (kept.users, kept.parked, kept.broadcasts):
    try:
        with opening():
            pass
    except TgbotError:
        pass
assert "telethon" not in sys.modules
"""


@pytest.mark.parametrize("address", ["", "postgresql://nobody@127.0.0.1:1/none"])
def test_to_read_users_nobody_waits_for_the_import_of_telethon(address: str) -> None:
    code = CODE.replace("ADDRESS", repr(address))
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
