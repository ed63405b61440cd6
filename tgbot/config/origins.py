"""Where settings come from: files of TOML, files with one value, the environment; what no file may show."""

from __future__ import annotations

import difflib
import os
import subprocess
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tgbot.core.encodings import decoded
from tgbot.core.errors import ConfigSourceError
from tgbot.core.names import clean_name
from tgbot.core.secrets import HIDDEN, looks_secret

#: The file for secrets, beside config.toml; never in git.
SECRETS_FILE: Final = "secrets.toml"
#: What the name of a variable ends with whose value is the path of a file with the value.
FILE_SUFFIX: Final = "_FILE"
#: The name of the environment among the origins.
ENVIRONMENT: Final = "environment"
#: The longest file with one value, in bytes.
_LONGEST_VALUE: Final = 64 * 1024


@dataclass(frozen=True)
class Origin:
    """Settings as they stand in one place: the environment, a file of TOML, or a file with one value."""

    name: str
    sections: dict[str, Any]
    #: The tables of plugins by their names, of a file of TOML.
    plugins: dict[str, Any] = field(default_factory=dict)
    #: Where relative paths start that a file of TOML has.
    directory: Path | None = None
    #: Whether it is a file that holds one value and nothing else; no error shows the value.
    one_value: bool = False


def read_value(file: Path, key: str, why: str = "") -> str:
    """Return what a file holds that has the value of one key and nothing else, without white space around it.

    Raise ConfigError if it cannot be read or is empty; `why` ends the message.
    """
    try:
        with file.open("rb") as opened:
            held = opened.read(_LONGEST_VALUE + 1)
        text = decoded(held).strip()
    except OSError as error:
        raise ConfigSourceError(file, f"it cannot be read ({error.strerror}){why}") from None
    except ValueError as error:
        raise ConfigSourceError(file, f"{error}{why}") from None
    if not text or len(held) > _LONGEST_VALUE:
        problem = "it is empty" if not text else f"it is longer than {_LONGEST_VALUE:,} bytes"
        raise ConfigSourceError(file, f"{problem}: expected the value of {key} and nothing else{why}")
    return text


def check_secret(origin: Origin, key: str, warn: Callable[[str], None]) -> None:
    """Raise ConfigError if git tracks a file that holds this secret; `warn` if others can read the file."""
    if origin.directory is None and not origin.one_value:
        return
    _refuse_secrets_in_git(origin, key)
    # Who hands a single value over, such as an orchestrator, sets its mode as well.
    if not origin.one_value and (mode := _readable_by_others(Path(origin.name))):
        who = f"{origin.name} holds secrets, and others can read it (mode {mode:04o})"
        warn(f"{who}: chmod 600 {origin.name}")


def shown(name: str) -> str:
    """Return a name as an error shows it, on one line: a secret may stand where a name should."""
    return HIDDEN if looks_secret(name) else clean_name(name, 80)


def unknown(what: str, name: str, names: Collection[str], form: str = "{}") -> str:
    near = difflib.get_close_matches(name.lower(), list(names), 1, 0.6)
    if near:
        return f"there is no {what}; did you mean {form.format(near[0])}?"
    return f"there is no {what}, only {', '.join(form.format(known) for known in names)}"


def _readable_by_others(file: Path) -> int:
    """Return the mode of a file that others than its owner can read, else 0.

    A file of somebody else, such as root, is read by its group on purpose.
    """
    found = file.stat()
    others = 0o044 if found.st_uid == os.geteuid() else 0o004
    return found.st_mode & 0o777 if found.st_mode & others else 0


def _refuse_secrets_in_git(origin: Origin, key: str) -> None:
    """Raise ConfigError if git tracks a file that holds a secret: the next push would publish it."""
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
        raise ConfigSourceError(
            origin.name,
            f"{key} is a secret, and git tracks this file: move it to {SECRETS_FILE} beside this"
            " file or to the environment",
        )
