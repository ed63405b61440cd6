"""The configuration of a bot under test: the project's own, with other keys in their place."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tgbot.config.loading import load, places

#: Sections as in config.toml: the keys of each, by name.
Sections = dict[str, dict[str, Any]]

#: Sections of the project's config.toml that a test does not take: the sandbox takes the place of Telegram,
#: a directory of the test that of the files, and what listens or posts for others has no place in a test.
LEFT_OUT: Final = ("telegram", "storage", "login", "operate", "log")


def project_sections(file: Path) -> Sections:
    """Read the project's config.toml, without the sections in `LEFT_OUT`; nothing if there is no such file.

    Relative paths in it become absolute. secrets.toml and the environment are not read. Raise ConfigError if
    it is not TOML.
    """
    if not file.exists():
        return {}
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError:
        load(file, {})  # says what is wrong with it, and shows no secret
        raise
    kept = {name: dict(keys) for name, keys in found.items() if name not in LEFT_OUT}
    for section, key in places("Path"):
        if isinstance(path := kept.get(section, {}).get(key), str) and path:
            kept[section][key] = str(file.parent.absolute() / path)
    return kept


def overridden(sections: Sections, settings: Mapping[str, Any]) -> Sections:
    """Return the sections with other values: a dictionary names a section, any other value a key of [bot]."""
    merged = {name: dict(keys) for name, keys in sections.items()}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            merged.setdefault(name, {}).update(value)
        else:
            merged.setdefault("bot", {})[name] = value
    return merged


def as_toml(sections: Mapping[str, Mapping[str, Any]]) -> str:
    """Return sections as TOML."""
    lines: list[str] = []
    for name, keys in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{_string(key)} = {_value(value)}" for key, value in keys.items() if value is not None]
    return "\n".join(lines) + "\n"


def _string(name: str) -> str:
    # A string of JSON is one of TOML, but for the character DEL.
    return json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    """Return a value as TOML has it; a table within a section is written on one line."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_string(str(key))} = {_value(each)}" for key, each in value.items()) + " }"
    if isinstance(value, list | tuple | set | frozenset):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    if hasattr(value, "isoformat"):
        return str(value.isoformat())
    return _string(str(value))
