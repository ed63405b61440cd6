"""The clients from npm: whether they are installed, and the server keys that they can use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from tgbot.sandbox.exchange import ServerKey

HERE: Final = Path(__file__).parent


def missing(*packages: str) -> str | None:
    """Return why these packages cannot be run, and how to get them; None if they can."""
    if shutil.which("node") is None:
        return "node is not installed; after that: make npm"
    for package in packages:
        if not (HERE / "node_modules" / package).is_dir():
            return f"the npm package {package} is not installed: make npm"
    return None


def version(package: str) -> str:
    """Return the version of a package that is installed."""
    return str(json.loads((HERE / "node_modules" / package / "package.json").read_text())["version"])


def server_key() -> ServerKey:
    """Make a key that all of the clients find: mtcute does not find one whose fingerprint begins with 0."""
    key = ServerKey.generate()
    while not key.fingerprint >> 60 & 15:
        key = ServerKey.generate()
    return key
