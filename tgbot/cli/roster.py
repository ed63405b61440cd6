"""The commands by name; the module of a command is imported only when it is needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Final, Protocol

import typer

from tgbot.cli.invocation import examples
from tgbot.cli.paged import Paged


class Entry(Protocol):
    """A command, or a family of commands."""

    def join(self, app: typer.Typer, name: str) -> None:
        """Import its module and add it to an application."""


@dataclass(frozen=True, slots=True)
class Single:
    """A command: a function in a module of this package; the help is the module's HELP or the docstring."""

    module: str
    function: str
    examples: tuple[str, ...]
    #: Whether it has the option `--page`.
    paged: bool = False

    def join(self, app: typer.Typer, name: str) -> None:
        module = import_module(f"tgbot.cli.{self.module}")
        made = app.command(
            name,
            cls=Paged if self.paged else None,
            help=getattr(module, "HELP", None),
            epilog=examples(*self.examples),
        )
        made(getattr(module, self.function))


@dataclass(frozen=True, slots=True)
class Family:
    """Commands behind one word: the application `commands` in a module of this package."""

    module: str

    def join(self, app: typer.Typer, name: str) -> None:
        app.add_typer(import_module(f"tgbot.cli.{self.module}").commands, name=name)


#: In the order of the help.
ROSTER: Final[Mapping[str, Entry]] = {
    "run": Single(
        "running",
        "run_bot",
        ("run", "--config other.toml run", "run --sandbox --reload", "run --sandbox --page"),
        paged=True,
    ),
    "demo": Single("demo", "demo", ("demo", "demo --page 127.0.0.1:9000", "demo --once"), paged=True),
    "resolve": Single("people", "resolve", ("resolve @durov", "resolve 5000000001 --json")),
    "check": Single("people", "check", ("check @durov", "check 5000000001 --json")),
    "new": Single("new", "new", ("new shop", "new bots/my-shop --name orders")),
    "backup": Single("backup", "backup", ("backup copies", "backup backups --keep 14")),
    "doctor": Single("doctor", "doctor", ("doctor", "doctor --offline --json", "doctor --as-service")),
    "restore": Single("restore", "restore", ("restore copies", "restore backups/2026-11-27T03-00-00Z")),
    "link": Single(
        "link",
        "link",
        (
            "link start summer",
            "link startgroup --rights invite_users --bot the_bot",
            "link start 42 --sign --qr",
        ),
    ),
    "status": Single("state", "show_status", ("status", "status --watch", "status --json")),
    "nodes": Single("nodes", "show_nodes", ("nodes", "nodes --json")),
    "handover": Single("nodes", "hand_over", ("handover", "handover right")),
    "log": Single("orders", "log", ("log DEBUG", "log DEBUG tgbot.telegram")),
    "drain": Single("orders", "drain", ("drain", "drain --undo")),
    "reload": Single("orders", "reload", ("reload", "reload --json")),
    "login-key": Single("loginkey", "login_key", ("login-key",)),
    "sandbox": Single(
        "sandbox",
        "sandbox",
        ("sandbox --page", "sandbox --users 5 --directory here --json"),
        paged=True,
    ),
    "broadcast": Family("broadcast.commands"),
    "jobs": Family("jobs"),
    "parked": Family("parked"),
    "service": Family("service"),
    "store": Family("store"),
    "texts": Family("texts"),
    "users": Family("users"),
}
