"""The libraries of the table: how the program of each is run, and what is missing where it cannot be."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from tests.clients.players import ROOT

HERE: Final = Path(__file__).parent
PROGRAMS: Final = HERE / "programs"
#: Where `make clients` installs what is not in the project's own environment.
NPM: Final = ROOT / "tests/sandbox/npm"
ENVIRONMENTS: Final = ROOT / ".venv-clients"
TDLIB: Final = HERE / "tdlib/node_modules/@prebuilt-tdlib/linux-x64-glibc"


@dataclass(frozen=True)
class Library:
    """A library of the table."""

    #: Its name in the table.
    name: str
    #: The package, as its registry names it.
    package: str
    #: The program, and what it is given.
    program: str
    argument: str = ""
    #: The directory with its virtual environment or packages; "" is the project's own environment.
    place: Path | None = None

    @property
    def command(self) -> Sequence[str]:
        """The command that runs its program."""
        if self.program.endswith(".mjs"):
            return ("node", str(PROGRAMS / self.program), *filter(None, [self.argument]))
        python = sys.executable if self.place is None else str(self.place / "bin/python")
        return (python, "-m", f"tests.clients.programs.{self.program}")

    def bot_of_the_page(self, directory: Path) -> Sequence[str]:
        """Write the bot of docs/libraries.md into a directory; return the command that runs it."""
        name = self.program if self.npm else f"{self.program}.py"
        (directory / name).write_text(program_of_the_page(name), encoding="utf-8")
        if not self.npm:
            return (self.command[0], name)
        # The page names the package whose interface this one has.
        named = {"telegram": "telegram", "teleproto": "telegram"}.get(self.argument, "@mtcute/node")
        packages = directory / "node_modules"
        for package in (NPM / "node_modules").iterdir():
            packages.mkdir(exist_ok=True)
            if package.name not in (named, named.partition("/")[0]):
                (packages / package.name).symlink_to(package)
        (packages / named).parent.mkdir(exist_ok=True)
        (packages / named).symlink_to(NPM / "node_modules" / self.argument)
        return ("node", name)

    @property
    def tdlib(self) -> bool:
        """Whether it is TDLib, which takes `make tdlib`."""
        return self.program == "on_tdlib"

    @property
    def own(self) -> bool:
        """Whether it is in the project's own environment, so that `make test` runs it."""
        return self.place is None and not self.npm and not self.tdlib

    @property
    def title(self) -> str:
        """Its name and version, the head of its column."""
        return f"{self.name} {self.version()}"

    @property
    def npm(self) -> bool:
        """Whether it comes from npm."""
        return self.program.endswith(".mjs")

    def missing(self) -> str | None:
        """Return why it cannot be run here; None if it can."""
        if self.npm:
            if shutil.which("node") is None:
                return "node is not installed"
            found = (NPM / "node_modules" / self.argument / "package.json").exists()
        elif self.tdlib:
            found = TDLIB.is_dir()
        elif self.place is not None:
            found = (self.place / "bin/python").exists()
        else:
            found = True
        return None if found else f"it is not installed: make {'tdlib' if self.tdlib else 'clients'}"

    def version(self) -> str:
        """Return the version that is installed."""
        if self.npm:
            return str(
                json.loads((NPM / "node_modules" / self.argument / "package.json").read_text())["version"]
            )
        if self.tdlib:
            return str(json.loads((TDLIB / "package.json").read_text())["version"])
        if self.place is None:
            return metadata.version(self.package)
        path = [str(one) for one in self.place.glob("lib/python*/site-packages")]
        return next(iter(metadata.distributions(name=self.package, path=path))).version


def program_of_the_page(name: str) -> str:
    """Return the program that begins with its file's name in a comment."""
    page = (ROOT / "docs/libraries.md").read_text(encoding="utf-8")
    found = re.search(rf"^```\w+\n(?:#|//) {re.escape(name)}\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    if found is None:
        raise LookupError(f"docs/libraries.md has no {name}")
    return found[1]


LIBRARIES: Final = (
    Library("Telethon", "Telethon", "on_telethon"),
    Library("kurigram", "kurigram", "on_pyrogram"),
    Library("Pyrofork", "pyrofork", "on_pyrogram", place=ENVIRONMENTS / "pyrofork"),
    Library("Pyrogram", "Pyrogram", "on_pyrogram", place=ENVIRONMENTS / "pyrogram"),
    Library("GramJS", "telegram", "on_gramjs.mjs", "telegram"),
    Library("teleproto", "teleproto", "on_gramjs.mjs", "teleproto"),
    Library("mtcute", "@mtcute/node", "on_mtcute.mjs", "@mtcute/node"),
    Library("mtcute (older)", "@mtcute/node", "on_mtcute.mjs", "mtcute-older"),
    Library("TDLib", "prebuilt-tdlib", "on_tdlib"),
)
