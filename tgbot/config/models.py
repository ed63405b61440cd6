"""Values for a plugin's own model: which keys it has, which are secret, and what is wrong in one line."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from tgbot.core.errors import ConfigError, ConfigSourceError
from tgbot.core.names import clean_name
from tgbot.core.secrets import HIDDEN, without_secrets

#: How deep secrets are looked for in a model.
_DEEPEST: Final = 10


@dataclass(frozen=True)
class Value:
    """A value as it was written, and where."""

    written: Any  # Any: as TOML has it
    #: What an error names: a file or a variable.
    source: str
    #: Where a relative path starts.
    directory: Path | None
    #: Whether it is a text that may stand for a number or a list.
    text: bool
    #: Whether no error may show it.
    hidden: bool


def keys_of(model: type[BaseModel]) -> dict[str, str]:
    """Return the keys of a model as they are written, by their spelling in lower case."""
    keys = [_key(name, field) for name, field in model.model_fields.items()]
    return {key.lower(): key for key in keys}


def secret_keys(model: type[BaseModel]) -> set[str]:
    """Return the keys of a model that hold a secret, however deep."""
    return {_key(name, field) for name, field in model.model_fields.items() if _is_secret(field.annotation)}


def _key(name: str, field: FieldInfo) -> str:
    return field.validation_alias if isinstance(field.validation_alias, str) else field.alias or name


def _is_secret(annotation: Any, depth: int = 0) -> bool:  # Any: a type, in all its forms
    if annotation in (SecretStr, SecretBytes):
        return True
    if depth > _DEEPEST:  # a model that is in itself
        return False
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return any(_is_secret(field.annotation, depth + 1) for field in annotation.model_fields.values())
    return any(_is_secret(one, depth + 1) for one in get_args(annotation))


def validated(model: type[BaseModel], section: str, written: Mapping[str, Value], file: str) -> BaseModel:
    """Return an instance of the model; raise ConfigError, one line about the first thing that is wrong.

    A text is tried as it is, then as TOML reads it, then as a list with commas. `file` is named where a key
    is missing.
    """
    fields = {_key(name, field): field for name, field in model.model_fields.items()}
    forms = {key: _forms(value, fields[key]) for key, value in written.items()}
    chosen = dict.fromkeys(written, 0)
    problems: dict[object, Any] = {}  # Any: what pydantic says of an error
    while True:
        try:
            return model.model_validate({key: forms[key][place] for key, place in chosen.items()})
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            keys = [one["loc"][0] if one["loc"] else "" for one in found]
            for key, one in zip(keys, found, strict=True):
                problems.setdefault(key, one)
            again = [key for key in keys if key in chosen and chosen[str(key)] + 1 < len(forms[str(key)])]
            if not again:
                raise _explained(problems[keys[0]], section, fields, written, file) from None
            for key in set(again):
                chosen[str(key)] += 1
        except Exception as error:  # a validator of the plugin's that raises what pydantic does not expect
            said = f"{section}: its class Settings raised {type(error).__name__}"
            raise ConfigSourceError(file, said) from error


def _forms(value: Value, field: FieldInfo) -> list[object]:
    """Return what a value may stand for, the likeliest first."""
    written = value.written
    if isinstance(written, str) and written and "Path" in str(field.annotation):
        written = str((value.directory or Path()) / Path(written).expanduser())
    if not value.text:
        return [written]
    parts = [part.strip(" \"'") for part in str(written).strip("[] ").split(",") if part.strip()]
    forms = (written, _toml(str(written)), parts, [_toml(part) for part in parts])
    return [form for form in forms if form is not None]


def _toml(text: str) -> Any:  # Any: as TOML has it
    """Return the value that a text is in TOML, None if it is none."""
    try:
        return None if "\n" in text else tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return None


def _explained(
    problem: Any,  # Any: as pydantic describes an error
    section: str,
    fields: Mapping[str, FieldInfo],
    written: Mapping[str, Value],
    file: str,
) -> ConfigError:
    place, reason = problem["loc"], str(problem.get("ctx", {}).get("error", ""))
    key = str(place[0]) if place else ""
    value = written.get(key)
    hidden = value is not None and value.hidden
    described = fields[key].description if key in fields else None
    expected = described or _expectation(str(problem["msg"]), hidden)
    if not key:
        return ConfigSourceError(file, f"{section}: {without_secrets(reason or str(problem['msg']))}")
    if value is None:
        return ConfigSourceError(file, f"{section} needs the key {key}: {described or 'it has no default'}")
    if described and reason and not hidden:
        expected = f"{described} ({reason})"
    shown, names = value.written, [key]
    for step in place[1:]:  # names of types may stand between the steps
        try:
            shown = shown[step]
        except (LookupError, TypeError):
            continue
        names.append(clean_name(str(step), 80))
    return ConfigError(
        f"{section} {'.'.join(names)}",
        without_secrets(expected),
        value=HIDDEN if hidden else shown,
        source=value.source,
    )


def _expectation(said: str, hidden: bool) -> str:
    """Return what was expected, out of a sentence of pydantic's; a validator's own may quote a secret."""
    said = said.rstrip(".")
    if said.startswith(("Value error, ", "Assertion failed, ")):
        return "another value" if hidden else f"another value ({said.partition(', ')[2]})"
    wanted = said.removeprefix("Input should be ")
    return wanted if wanted != said else f"another value ({said})"
