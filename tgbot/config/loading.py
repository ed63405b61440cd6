"""Load the configuration: config.toml, secrets.toml and the environment become checked, frozen values.

The environment beats secrets.toml, which beats config.toml, which beats the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tgbot.config.origins import (
    Origin,
    read_environment,
    read_file,
    refuse_secrets_in_git,
    refuse_unknown_names,
    variable,
)
from tgbot.config.settings import Config, Storage
from tgbot.core.errors import HIDDEN, ConfigError

DEFAULT_FILE: Final = Path("config.toml")
SECRETS_FILE: Final = "secrets.toml"
#: A value in an error is cut to this many characters.
SHOWN: Final = 80


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read a file (None: ./config.toml if it exists), secrets.toml beside it, and the environment.

    Raise ConfigError, one line about the first thing that is wrong.
    """
    file = path or DEFAULT_FILE
    origins = [read_file(file)] if path is not None or file.exists() else []
    secrets = file.parent / SECRETS_FILE
    if secrets.exists() and not (file.exists() and secrets.samefile(file)):
        origins.append(read_file(secrets))
    origins.append(Origin("environment", _from_environment(environ)))
    known = sections()
    for origin in origins:
        refuse_unknown_names(origin, known)
        refuse_secrets_in_git(origin, secret_keys(), SECRETS_FILE)
    try:
        return Config.model_validate(_merged(origins, file.parent))
    except ValidationError as error:
        raise _explained(error, origins) from None


def sections() -> dict[str, tuple[str, ...]]:
    """Return every section with its keys, in the order of config.toml."""
    return {section: tuple(_fields(section)) for section in Config.model_fields}


def secret_keys() -> frozenset[tuple[str, str]]:
    """Return the (section, key) pairs whose values are never shown and that no file in git may hold."""
    return frozenset(_keys_of_type("SecretStr"))


def _fields(section: str) -> dict[str, FieldInfo]:
    model: Any = Config.model_fields[section].annotation
    return dict(model.model_fields)


def _type(section: str, key: str) -> str:
    return str(_fields(section)[key].annotation)


def _keys_of_type(name: str) -> list[tuple[str, str]]:
    places = ((section, key) for section, keys in sections().items() for key in keys)
    return [place for place in places if name in _type(*place)]


def _from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Return the TGBOT_* variables as sections, each value as TOML would give it."""
    places = {variable(section, key): (section, key) for section, keys in sections().items() for key in keys}
    values: dict[str, dict[str, object]] = {}
    for name, text in read_environment(environ, places).items():
        section, key = places[name]
        values.setdefault(section, {})[key] = _typed(_type(section, key), text)
    return values


def _typed(kind: str, text: str) -> object:
    """Return the text of a variable as a number or a list where the key needs one and the text is one."""
    parts = [part.strip(" \"'") for part in text.strip("[] ").split(",") if part.strip()]
    try:
        if kind.startswith("tuple["):
            return [int(part) for part in parts] if "int" in kind else parts
        if "int" in kind:
            return int(text)
        if "float" in kind:
            return float(text)
    except ValueError:
        pass
    return text


def _merged(origins: list[Origin], home: Path) -> dict[str, dict[str, object]]:
    """Return all values, those of later origins in front.

    A relative path starts at the directory of the file that it was written in, a default one at `home`.
    """
    merged: dict[str, dict[str, object]] = {section: {} for section in Config.model_fields}
    merged["storage"]["directory"] = str(home / Storage().directory)
    paths = _keys_of_type("Path")
    for origin in origins:
        for section, values in origin.sections.items():
            merged[section] |= values
        for section, key in paths:
            if isinstance(path := origin.sections.get(section, {}).get(key), str) and path:
                merged[section][key] = str((origin.directory or Path()) / Path(path).expanduser())
    return merged


def _explained(error: ValidationError, origins: list[Origin]) -> ConfigError:
    """Return the first refusal as one line: where it was written, the key, the value, what was expected."""
    first = error.errors(include_url=False, include_input=False)[0]
    section, key = str(first["loc"][0]), str(first["loc"][1])
    origin = next(origin for origin in reversed(origins) if key in origin.sections.get(section, {}))
    expected = str(_fields(section)[key].description)
    if reason := str(first.get("ctx", {}).get("error", "")):
        expected += f" ({reason})"
    value = HIDDEN if (section, key) in secret_keys() else origin.sections[section][key]
    if value is not HIDDEN and len(repr(value)) > SHOWN:
        value = repr(value)[: SHOWN - 1] + "…"
    source = origin.name if origin.directory is not None else variable(section, key)
    return ConfigError(f"[{section}] {key}", expected, value=value, source=source)
