"""A project to begin with: a bot with a plugin, its tests, and the commands to try and to run it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import keyword
import re
import sys
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from tgbot import __version__
from tgbot.core.projecterrors import ProjectNameError, ProjectTakenError
from tgbot.store.files import disk_errors

#: The name of the plugin in the files that are copied.
_NAME: Final = "shop"
#: Files whose own names would have a meaning where they lie in the package.
_RENAMED: Final = {"gitignore": ".gitignore", "project.toml": "pyproject.toml"}
#: The line of requirements.txt that is replaced.
_REQUIREMENT: Final = "tgbot[testing] == VERSION"
#: What the tests of a project need beside tgbot.
_TESTING: Final = ("pytest", "pytest_asyncio")


def module_name(text: str) -> str:
    """Return a text as the name of a plugin's module: "my-shop" is my_shop.

    Raise ProjectNameError if it cannot be one, or if a module of this name is installed.
    """
    name = re.sub(r"\W+", "_", text.lower()).strip("_")
    if not name.isidentifier():
        raise ProjectNameError(text, "it needs letters or digits, and begins with a letter")
    if keyword.iskeyword(name) or name in ("tests", "tgbot"):
        raise ProjectNameError(text, f"{name} is a word with a meaning of its own")
    elsewhere = [path for path in sys.path if Path(path).resolve() != Path.cwd()]
    found = PathFinder.find_spec(name, elsewhere)
    if name in sys.stdlib_module_names or (found is not None and found.origin is not None):
        raise ProjectNameError(text, f"Python has a module {name} already, which would be loaded instead")
    return name


def make_project(directory: Path, name: str) -> list[Path]:
    """Write a project whose plugin has this name; return the files, relative to the directory.

    Raise ProjectTakenError if there is something in the directory already, and StorageError.
    """
    with disk_errors(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise ProjectTakenError(directory)
        texts = dict(_texts(files("tgbot") / "workshop" / "template", Path(), name))
        if all(map(importlib.util.find_spec, _TESTING)):
            texts[Path("local.mk")] = f"PYTHON = {_escaped(sys.executable)}\n"
        for path, text in texts.items():
            (directory / path).parent.mkdir(exist_ok=True)
            (directory / path).write_text(text, "utf-8")
    return sorted(texts)


def _texts(template: Traversable, path: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a directory of the package as they are in a project."""
    for each in template.iterdir():
        named = path / _RENAMED.get(each.name, each.name.replace(_NAME, name))
        if each.is_file():
            text = each.read_text("utf-8").replace(_NAME, name)
            yield named, text.replace(_REQUIREMENT, _requirement())
        elif each.name != "__pycache__":
            yield from _texts(each, named, name)


def _requirement() -> str:
    """Return what pip has to install to have this tgbot: its version, or where it was installed from."""
    try:
        origin = importlib.metadata.distribution("tgbot").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        origin = None
    if origin is None:
        return f"tgbot[testing] == {__version__}"
    found = json.loads(origin)
    vcs = found.get("vcs_info")
    source = found["url"] if vcs is None else f"{vcs['vcs']}+{found['url']}@{vcs['commit_id']}"
    return f"tgbot[testing] @ {source}"


def _escaped(path: str) -> str:
    """Return a path as make reads it."""
    return path.replace("$", "$$").replace("#", r"\#")
