"""Where settings are written: TOML files and environment variables, with their names checked."""

from __future__ import annotations

import difflib
import re
import subprocess
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tgbot.core.errors import HIDDEN, ConfigError

#: What the names of our environment variables begin with.
PREFIX = "TGBOT_"


@dataclass(frozen=True)
class Origin:
    """Settings as they were written in one place; a file has a directory, the environment has none."""

    name: str
    sections: dict[str, Any]
    directory: Path | None = None


def read_file(file: Path) -> Origin:
    """Reads a TOML file. Raises ConfigError if it is missing, unreadable or not TOML."""
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError("--config", "a file that exists", value=str(file), source="command line") from None
    except OSError as error:
        raise ConfigError("the file", f"one that can be read ({error.strerror})", source=file) from None
    except UnicodeDecodeError:
        raise ConfigError("the file", "UTF-8 text", source=file) from None
    try:
        return Origin(str(file), tomllib.loads(text), file.parent)
    except tomllib.TOMLDecodeError as error:
        # Only the place is told: the parser's sentence may quote a secret.
        place = re.search(r"line \d+, column \d+|end of document", str(error))
        raise ConfigError(place[0] if place else "the file", "TOML (text in quotes)", source=file) from None


def read_environment(environ: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """The variables of known names; an empty one counts as not set.

    Raises ConfigError for one that is nearly known. Others are left alone: orchestrators make names such as
    TGBOT_SERVICE_HOST out of a service's name.
    """
    found: dict[str, str] = {}
    names = [name.removeprefix(PREFIX) for name in known]
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text.strip():
            continue
        if name in known:
            found[name] = text.strip()
        elif near := difflib.get_close_matches(name.removeprefix(PREFIX), names, 1, 0.7):
            raise ConfigError(name, f"a known name (did you mean {PREFIX}{near[0]}?)", source="environment")
    return found


def refuse_unknown_names(origin: Origin, known: Mapping[str, Collection[str]]) -> None:
    """Raises ConfigError for a section or key that does not exist, with the one that was probably meant."""
    homes = {key: section for section, keys in known.items() for key in keys}
    for section, values in origin.sections.items():
        if section in homes and section not in known:
            raise ConfigError(section, f"in section [{homes[section]}]", source=origin.name)
        if section not in known:
            expected = "one of " + ", ".join(f"[{name}]" for name in known) + _meant(section, known, "[{}]")
            raise ConfigError(f"[{section}]", expected, source=origin.name)
        if not isinstance(values, dict):
            raise ConfigError(section, f"a section, [{section}] on a line of its own", source=origin.name)
        for key, value in values.items():
            if key in known[section]:
                continue
            here = known[section]
            expected = f"one of {', '.join(here)}{_meant(key, here, '{}')}"
            if key in homes:
                expected = f"in section [{homes[key]}]"
            # Text under a name that we do not know may be a secret with its name misspelt.
            shown = HIDDEN if isinstance(value, str | dict | list) else value
            raise ConfigError(f"[{section}] {key}", expected, value=shown, source=origin.name)


def _meant(word: str, words: Collection[str], form: str) -> str:
    near = difflib.get_close_matches(word.lower(), list(words), 1, 0.6)
    return f" (did you mean {form.format(near[0])}?)" if near else ""


def refuse_secrets_in_git(origin: Origin, secrets: Collection[tuple[str, str]], instead: str) -> None:
    """Raises ConfigError if a file with a secret in it is tracked by git: the next push would publish it."""
    held = sorted((section, key) for section, key in secrets if origin.sections.get(section, {}).get(key))
    if origin.directory is None or not held:
        return
    file = Path(origin.name).resolve()
    if not any((parent / ".git").exists() for parent in file.parents):
        return
    try:
        listed = subprocess.run(
            ["git", "-C", str(file.parent), "ls-files", "--error-unmatch", "--", file.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # without git, nothing is pushed from here
    if listed.returncode == 0:
        section, key = held[0]
        raise ConfigError(
            f"[{section}] {key}",
            f"outside git, which tracks this file: in {instead} beside it or in the environment",
            source=origin.name,
        )
