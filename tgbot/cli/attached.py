"""`python -m tgbot.cli.attached FD [FILE]`: `tgbot run` as a child of another `tgbot run`.

FD is a socket to the parent. The bot reads configuration, texts and plugins, tells on the socket what it
found, and waits for a word before it opens anything. When the socket ends, the parent has: the bot stops.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading

TYPE_CHECKING = False  # without importing typing
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tgbot.config.settings import Config


class Parent:
    """The process at the other end of the socket."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)
        self._go = threading.Event()
        threading.Thread(target=self._listen, name="parent", daemon=True).start()

    def read(self, config: Config) -> None:
        """Read texts and plugins, tell the parent what was found, and wait for its word.

        Raise what keeps a bot with this configuration from opening, as far as it can be known.
        """
        from tgbot.locales.library import Library
        from tgbot.plugins.loading import load_all
        from tgbot.plugins.origins import directories

        loaded = set(sys.modules)
        # A file that is changed twice in a second, and keeps its length, would be run as it was before.
        sys.dont_write_bytecode = True
        failed: Exception | None = None
        try:
            load_all(config.bot.plugins, config.plugins.read)
            Library.load(config.bot.texts, config.bot.plugins)
        except Exception as error:
            failed = error
        found = directories(config.bot.plugins, set(sys.modules) - loaded, failed)
        if config.bot.texts is not None:
            found.add(config.bot.texts.absolute())
        self._tell(failed is None, found)
        if failed is not None:
            raise failed
        self._go.wait()

    def up(self) -> None:
        """Tell the parent that the bot handles updates."""
        self._send(b"{}\n")

    def _tell(self, usable: bool, found: Iterable[Path]) -> None:
        import json

        told = {"usable": usable, "directories": sorted(map(str, found))}
        self._send(json.dumps(told).encode() + b"\n")

    def _send(self, line: bytes) -> None:
        with contextlib.suppress(OSError):  # the parent has gone, which the other thread hears
            self._socket.sendall(line)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while self._socket.recv(64):
                self._go.set()
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    descriptor, *file = sys.argv[1:]
    sys.argv[1:] = [*(["--config", *file] if file else []), "run"]
    from tgbot.cli import main

    main(Parent(int(descriptor)))
