"""The places where settings are written, TOML files and environment variables, with their names checked."""

from __future__ import annotations

import difflib
import re
import subprocess
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tgbot.core.errors import ConfigError, ConfigSourceError

#: The file for secrets, beside config.toml; never in git.
SECRETS_FILE: Final = "secrets.toml"
#: What the names of our environment variables begin with.
PREFIX: Final = "TGBOT_"


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets a key: TGBOT_ADMINS, TGBOT_LOG_LEVEL."""
    return PREFIX + (key if section in ("telegram", "bot") else f"{section}_{key}").upper()


@dataclass(frozen=True)
class Origin:
    """Settings as they are written in one place; a file has a directory, the environment has none."""

    name: str
    sections: dict[str, Any]
    directory: Path | None = None


def read_file(file: Path) -> Origin:
    """Read a TOML file. Raise ConfigError if it is missing, unreadable or not TOML."""
    try:
        text = file.read_bytes().decode()
    except FileNotFoundError:
        raise ConfigError("--config", "a file that exists", value=str(file), source="command line") from None
    except OSError as error:
        raise ConfigSourceError(file, f"it cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigSourceError(file, "it is not UTF-8 text") from None
    try:
        return Origin(str(file), tomllib.loads(text), file.parent)
    except tomllib.TOMLDecodeError as error:
        # The error names only the place: the parser's own sentence may quote a secret.
        place = re.search(r"line \d+, column \d+|end of document", str(error))
        where = f" at {place[0]}" if place else ""
        raise ConfigSourceError(file, f"it is not TOML{where}; text stands in quotes there") from None


def read_environment(environ: Mapping[str, str], known: Collection[str]) -> dict[str, str]:
    """Return the variables of known names, without those that are empty.

    Raise ConfigError for a name that is nearly known. Other names are ignored: orchestrators make variables
    such as TGBOT_SERVICE_HOST from the name of a service.
    """
    found: dict[str, str] = {}
    names = [name.removeprefix(PREFIX) for name in known]
    for name, text in environ.items():
        if not name.startswith(PREFIX) or not text.strip():
            continue
        if name in known:
            found[name] = text.strip()
        elif near := difflib.get_close_matches(name.removeprefix(PREFIX), names, 1, 0.7):
            raise ConfigSourceError("environment", f"there is no {name}; did you mean {PREFIX}{near[0]}?")
    return found


def refuse_unknown_names(origin: Origin, known: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigError for a section or key that does not exist, with the one that was probably meant."""
    homes = {key: section for section, keys in known.items() for key in keys}
    for section, values in origin.sections.items():
        if section not in known:
            if section in homes:
                raise ConfigSourceError(origin.name, f"{section} belongs in section [{homes[section]}]")
            raise ConfigSourceError(origin.name, _unknown(f"section [{section}]", section, known, "[{}]"))
        if not isinstance(values, dict):
            problem = f"{section} is a section: write [{section}] on a line of its own"
            raise ConfigSourceError(origin.name, problem)
        for key in (key for key in values if key not in known[section]):
            if key in homes:
                raise ConfigSourceError(origin.name, f"{key} belongs in section [{homes[key]}]")
            # The value is not shown: it may be a secret under a misspelt name.
            raise ConfigSourceError(origin.name, _unknown(f"key {key} in [{section}]", key, known[section]))


def _unknown(what: str, name: str, names: Collection[str], form: str = "{}") -> str:
    near = difflib.get_close_matches(name.lower(), list(names), 1, 0.6)
    if near:
        return f"there is no {what}; did you mean {form.format(near[0])}?"
    return f"there is no {what}, only {', '.join(form.format(known) for known in names)}"


def refuse_secrets_in_git(origin: Origin, secrets: Collection[tuple[str, str]]) -> None:
    """Raise ConfigError if git tracks a file that holds a secret: the next push would publish it."""
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
            capture_output=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # without git, nothing is pushed from here
    if listed.returncode == 0:
        section, key = held[0]
        raise ConfigSourceError(
            origin.name,
            f"[{section}] {key} is a secret, and git tracks this file: move it to {SECRETS_FILE} beside this"
            " file or to the environment",
        )
