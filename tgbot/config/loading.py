"""Load the configuration: config.toml, secrets.toml and the environment become checked, frozen values.

The environment beats secrets.toml, which beats config.toml, which beats the defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tgbot.config.origins import (
    SECRETS_FILE,
    Origin,
    read_environment,
    read_file,
    refuse_secrets_in_git,
    refuse_unknown_names,
    variable,
)
from tgbot.config.settings import Config, Storage
from tgbot.core.errors import HIDDEN, ConfigError


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read a file (None: ./config.toml if it exists), secrets.toml beside it, and the environment.

    Raise ConfigError, one line about the first thing that is wrong.
    """
    file = path or Path("config.toml")
    origins = [read_file(file)] if path is not None or file.exists() else []
    secrets = file.parent / SECRETS_FILE
    if secrets.exists() and not (file.exists() and secrets.samefile(file)):
        origins.append(read_file(secrets))
    origins.append(Origin("environment", _from_environment(environ)))
    known = sections()
    for origin in origins:
        refuse_unknown_names(origin, known)
        refuse_secrets_in_git(origin, places("SecretStr"))
    try:
        return Config.model_validate(_merged(origins, file.parent))
    except ValidationError as error:
        raise _explained(error, origins) from None


def sections() -> dict[str, dict[str, FieldInfo]]:
    """Return every section with its keys, in the order of config.toml."""
    models: dict[str, Any] = {section: field.annotation for section, field in Config.model_fields.items()}
    return {section: dict(model.model_fields) for section, model in models.items()}


def places(kind: str = "") -> list[tuple[str, str]]:
    """Return the (section, key) pairs whose type has `kind` in its name: all, those of secrets, of paths."""
    known = sections().items()
    return [(section, key) for section, keys in known for key, field in keys.items() if kind in _type(field)]


def _type(field: FieldInfo) -> str:
    return str(field.annotation)


def _from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Return the TGBOT_* variables as sections, each value as TOML would give it."""
    known = {variable(*place): place for place in places()}
    values: dict[str, dict[str, object]] = {}
    for name, text in read_environment(environ, known).items():
        section, key = known[name]
        values.setdefault(section, {})[key] = _typed(_type(sections()[section][key]), text)
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
    for origin in origins:
        for section, values in origin.sections.items():
            merged[section] |= values
        for section, key in places("Path"):
            if isinstance(path := origin.sections.get(section, {}).get(key), str) and path:
                merged[section][key] = str((origin.directory or Path()) / Path(path).expanduser())
    return merged


def _explained(error: ValidationError, origins: list[Origin]) -> ConfigError:
    """Return the first refusal as one line: where it was written, the key, the value, what was expected."""
    first = error.errors(include_url=False, include_input=False)[0]
    section, key = str(first["loc"][0]), str(first["loc"][1])
    origin = next(origin for origin in reversed(origins) if key in origin.sections.get(section, {}))
    expected = str(sections()[section][key].description)
    if reason := str(first.get("ctx", {}).get("error", "")):
        expected += f" ({reason})"
    value = HIDDEN if (section, key) in places("SecretStr") else origin.sections[section][key]
    if value is not HIDDEN and len(repr(value)) > 80:
        value = repr(value)[:79] + "…"
    source = origin.name if origin.directory is not None else variable(section, key)
    return ConfigError(f"[{section}] {key}", expected, value=value, source=source)
