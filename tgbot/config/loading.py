"""Load the configuration: config.toml, secrets.toml, files with one value and the environment become values.

The environment beats the files that it names (TGBOT_..._FILE), these the credentials that a service manager
hands over ($CREDENTIALS_DIRECTORY), these secrets.toml, that config.toml, and that the defaults.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from tgbot.config.origins import (
    ENVIRONMENT,
    FILE_SUFFIX,
    SECRETS_FILE,
    Origin,
    check_secret,
    read_value,
    shown,
    unknown,
)
from tgbot.config.settings import MODELS, PREFIX, Config, Storage, variable
from tgbot.config.tables import SECTION, is_plugins, tables_of
from tgbot.core.encodings import decoded
from tgbot.core.errors import ConfigError, ConfigSourceError
from tgbot.core.secrets import HIDDEN


def load(
    path: Path | None, environ: Mapping[str, str], warn: Callable[[str], None] = lambda text: None
) -> Config:
    """Read a file (None: ./config.toml if it exists), secrets.toml beside it, and what the environment says.

    Raise ConfigError, one line about the first thing that is wrong; `warn` is told of a file that shows a
    secret to others.
    """
    file = path or Path("config.toml")
    origins = [_read_file(file)] if path is not None or file.exists() else []
    secrets = file.parent / SECRETS_FILE
    if secrets.exists() and not (file.exists() and secrets.samefile(file)):
        origins.append(_read_file(secrets))
    origins += _credentials(environ.get("CREDENTIALS_DIRECTORY", ""))
    origins += _named_files(environ)
    origins.append(Origin(ENVIRONMENT, _from_environment(environ)))
    known = sections()
    for origin in origins:
        _refuse_unknown_names(origin, known)
        for section, key in _secrets_in(origin)[:1]:
            check_secret(origin, f"[{section}] {key}", warn)
    try:
        config = Config.model_validate(_merged(origins, file.parent))
    except ValidationError as error:
        raise _explained(error, origins) from None
    plugins = tables_of(origins, config.bot.plugins, environ, file, warn)
    return config.model_copy(update={"plugins": plugins})


def sections() -> dict[str, dict[str, FieldInfo]]:
    """Return every section with its keys, in the order of config.toml."""
    return {section: dict(model.model_fields) for section, model in MODELS.items()}


def places(kind: str = "") -> list[tuple[str, str]]:
    """Return the (section, key) pairs whose type has `kind` in its name: all, those of secrets, of paths."""
    known = sections().items()
    return [(section, key) for section, keys in known for key, field in keys.items() if kind in _type(field)]


def _type(field: FieldInfo) -> str:
    return str(field.annotation)


def credentials() -> dict[str, tuple[str, str]]:
    """Return the names of credentials, "bot_token" or "login_site", each with its section and key."""
    return {variable(*place).removeprefix(PREFIX).lower(): place for place in places()}


def _credentials(directory: str) -> list[Origin]:
    """Return what a service manager hands over: a file for each value, named as `credentials` says."""
    if not directory:
        return []
    known = {Path(directory, name): place for name, place in credentials().items()}
    return [_value_in(file, place) for file, place in known.items() if os.path.lexists(file)]


def _named_files(environ: Mapping[str, str]) -> list[Origin]:
    """Return the values in the files that TGBOT_..._FILE name."""
    known = {variable(*place) + FILE_SUFFIX: place for place in places()}
    origins = []
    for name, path in _read_environment(environ).items():
        if name in known and path:
            if (other := name.removesuffix(FILE_SUFFIX)) in environ:
                raise ConfigSourceError(ENVIRONMENT, f"{other} and {name} are both set: keep one of them")
            origins.append(_value_in(Path(path).expanduser(), known[name], f", and {name} names it"))
    return origins


def _value_in(file: Path, place: tuple[str, str], why: str = "") -> Origin:
    """Read a file that holds the value of one key and nothing else."""
    section, key = place
    value = _typed(_type(sections()[section][key]), read_value(file, f"[{section}] {key}", why))
    return Origin(str(file), {section: {key: value}}, one_value=True)


def _from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """Return the TGBOT_* variables as sections, each value as TOML would give it, None for an empty one."""
    known = {variable(*place): place for place in places()}
    values: dict[str, dict[str, object]] = {}
    for name, text in _read_environment(environ).items():
        if name in known:
            section, key = known[name]
            value = _typed(_type(sections()[section][key]), text) if text else None
            values.setdefault(section, {})[key] = value
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
    """Return all values, those of later origins in front; None takes a key back to its default.

    A relative path starts at the directory of the file that it was written in, a default one at `home`.
    """
    merged: dict[str, dict[str, object]] = {section: {} for section in MODELS}
    for origin in origins:
        for section, values in origin.sections.items():
            merged[section] |= values
        for section, key in places("Path"):
            if isinstance(path := origin.sections.get(section, {}).get(key), str) and path:
                merged[section][key] = str((origin.directory or Path()) / Path(path).expanduser())
    given = {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in merged.items()
    }
    given["storage"].setdefault("directory", str(home / Storage().directory))
    return given


def _explained(error: ValidationError, origins: list[Origin]) -> ConfigError:
    """Return the first refusal as one line: where it was written, the key, the value, what was expected."""
    first = error.errors(include_url=False, include_input=False)[0]
    section, key = str(first["loc"][0]), str(first["loc"][1])
    # A key that is required because of another one of its section may be written nowhere.
    written = [origin for origin in origins if key in origin.sections.get(section, {})]
    origin = (written or [origin for origin in origins if section in origin.sections])[-1]
    expected = str(sections()[section][key].description)
    if reason := str(first.get("ctx", {}).get("error", "")):
        expected += f" ({reason})"
    secret = origin.one_value or (section, key) in places("SecretStr")
    value = HIDDEN if secret else origin.sections[section].get(key, "")
    source = variable(section, key) if origin.name == ENVIRONMENT else origin.name
    return ConfigError(f"[{section}] {key}", expected, value=value, source=source)


def _read_file(file: Path) -> Origin:
    """Read a TOML file. Raise ConfigError if it is missing, unreadable or not TOML."""
    try:
        text = decoded(file.read_bytes())
    except FileNotFoundError:
        raise ConfigError("--config", "a file that exists", value=str(file), source="command line") from None
    except OSError as error:
        raise ConfigSourceError(file, f"it cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise ConfigSourceError(file, str(error)) from None
    try:
        held = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigSourceError(file, _not_toml(str(error), text.splitlines())) from None
    plugins = held.pop(SECTION) if isinstance(held.get(SECTION), dict) else {}
    return Origin(str(file), held, plugins, file.parent)


def _not_toml(said: str, lines: list[str]) -> str:
    """Return what is wrong and where. The parser's own sentence may quote a secret, so it is not shown."""
    place = re.search(r"line (\d+), column \d+|end of document", said)
    if place is None:
        return "it is not TOML; text stands in quotes there"
    number = int(place[1] or len(lines))
    if not re.match("Cannot declare|Cannot overwrite|Duplicate", said):
        return f"it is not TOML at {place[0]}; text stands in quotes there"
    name, is_section = _head(lines[number - 1])
    known = sections()
    shown = f" {name}" if name in known or any(name in keys for keys in known.values()) else ""
    if said.startswith("Duplicate"):  # within { }, so the line begins with another name
        shown = ""
    what = f"section{shown and f' [{name}]'}" if is_section else f"key{shown}"
    earlier = [at for at, line in enumerate(lines[: number - 1], 1) if _head(line) == (name, is_section)]
    where = f"lines {earlier[-1]} and {number}" if earlier else f"line {number}"
    advice = "put all of its keys under one of them" if is_section else "delete one of them"
    return f"a {what} stands twice ({where}): {advice}"


def _head(line: str) -> tuple[str, bool]:
    """Return the name with which a line of TOML begins, and whether it is a section's."""
    match = re.match(r"\s*(\[*)\s*(.*?)\s*(?:[]=#]|$)", line)
    return (match[2], bool(match[1])) if match else ("", False)


def _read_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of known names, those that name a file included.

    Raise ConfigError for a name that is nearly known. Other names are ignored: orchestrators make variables
    such as TGBOT_SERVICE_HOST from the name of a service.
    """
    found: dict[str, str] = {}
    names = [variable(*place).removeprefix(PREFIX) for place in places()]
    names += [name + FILE_SUFFIX for name in names]
    for name, text in environ.items():
        if not name.startswith(PREFIX) or is_plugins(name):
            continue
        if name.removeprefix(PREFIX) in names:
            found[name] = text.strip()
        elif near := difflib.get_close_matches(name.removeprefix(PREFIX), names, 1, 0.7):
            problem = f"there is no {shown(name)}; did you mean {PREFIX}{near[0]}?"
            raise ConfigSourceError(ENVIRONMENT, problem)
    return found


def _refuse_unknown_names(origin: Origin, known: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigError for a section or key that does not exist, with the one that was probably meant."""
    homes = {key: section for section, keys in known.items() for key in keys}
    for section, values in origin.sections.items():
        if section not in known:
            if section in homes:
                raise ConfigSourceError(origin.name, f"{section} belongs in section [{homes[section]}]")
            what = f"section [{shown(section)}]"
            raise ConfigSourceError(origin.name, unknown(what, section, known, "[{}]"))
        if not isinstance(values, dict):
            problem = f"{section} is a section: write [{section}] on a line of its own"
            raise ConfigSourceError(origin.name, problem)
        for key in (key for key in values if key not in known[section]):
            if key in homes:
                raise ConfigSourceError(origin.name, f"{key} belongs in section [{homes[key]}]")
            # The value is not shown: it may be a secret under a misspelt name.
            what = f"key {shown(key)} in [{section}]"
            raise ConfigSourceError(origin.name, unknown(what, key, known[section]))


def _secrets_in(origin: Origin) -> list[tuple[str, str]]:
    """Return the places of the secrets that stand in an origin."""
    return sorted(
        (section, key) for section, key in places("SecretStr") if origin.sections.get(section, {}).get(key)
    )
