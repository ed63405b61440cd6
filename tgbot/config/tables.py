"""The settings of plugins: kept as they were written, until a plugin's own model reads them."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tgbot.config.models import Value, keys_of, secret_keys, validated
from tgbot.config.origins import ENVIRONMENT, FILE_SUFFIX, Origin, check_secret, read_value, shown, unknown
from tgbot.core.errors import ConfigSourceError
from tgbot.core.pluginnames import names_of

#: The section with a table for each plugin.
SECTION: Final = "plugins"
#: What the variables of plugins begin with.
PREFIX: Final = "TGBOT_PLUGINS_"


@dataclass(frozen=True)
class Table:
    """What stands in one place about one plugin."""

    #: The module of the plugin.
    module: str
    #: A file, or the environment.
    origin: Origin = field(repr=False)
    #: Key → value; of texts (variables, files with one value), keys are in lower case.
    values: Mapping[str, Any] = field(repr=False)  # Any: as TOML has it

    @property
    def texts(self) -> bool:
        """Whether all values are texts, as in the environment."""
        return self.origin.name == ENVIRONMENT or self.origin.one_value


@dataclass(frozen=True)
class Tables:
    """The tables of plugins, those that count more behind the others; their repr shows no value."""

    #: The file that is named where nothing is written.
    file: str = "config.toml"
    #: Module → name of the plugin.
    names: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    #: Is told of a file that shows a secret to others.
    warn: Callable[[str], None] = field(default=lambda text: None, repr=False, compare=False)

    def read(self, module: str, model: type[Any] | None) -> Any:  # Any: a model of the plugin's own
        """Return the settings of a plugin as its model has them; None without a model.

        Raise ConfigError for a key that the model does not have, for a wrong or missing value, for a secret
        in a file that git tracks, and for any setting where there is no model.
        """
        name = self.names.get(module) or names_of([module])[module]
        section = section_of(name)
        tables = [one for one in self.tables if one.module == module]
        if model is None:
            for table in tables:
                problem = f"{section}: the plugin {module} takes no settings"
                why = "it has no class Settings(pydantic.BaseModel)"
                raise ConfigSourceError(table.origin.name, f"{problem}: {why}")
            return None
        known, secrets = keys_of(model), secret_keys(model)
        written: dict[str, Value] = {}
        for table in _with_named_files(tables, section, known):
            origin = table.origin
            for key, value in table.values.items():
                meant = known.get(key.lower()) if table.texts else key if key in known.values() else None
                if meant is None:
                    _refuse(table, name, key, sorted(known.values()))
                elif value == "" and origin.name == ENVIRONMENT:
                    written.pop(meant, None)
                else:
                    if meant in secrets and value:
                        check_secret(origin, f"{section} {meant}", self.warn)
                    source = variable(name, meant) if origin.name == ENVIRONMENT else origin.name
                    hidden = meant in secrets or origin.one_value
                    written[meant] = Value(value, source, origin.directory, table.texts, hidden)
        return validated(model, section, written, self.file)

    def credentials(self, directory: Path) -> list[str]:
        """Return the names of the files in a directory that a service manager can hand over for plugins."""
        return [file.name for file, _, _ in _handed_over(str(directory), self.names)]

    def differing(self, other: Tables) -> list[str]:
        """Return the keys that are written otherwise in another configuration, as "[plugins.shop] price"."""
        before, now = self._written(), other._written()
        names = {**self.names, **other.names}
        places = dict.fromkeys((*now, *before))
        return [f"{section_of(names[one[0]])} {one[1]}" for one in places if before.get(one) != now.get(one)]

    def _written(self) -> dict[tuple[str, str], object]:
        return {(table.module, key): value for table in self.tables for key, value in table.values.items()}


def section_of(name: str) -> str:
    """Return the section of a plugin, as errors name it: [plugins.shop], [plugins."shop.main"]."""
    return f'[{SECTION}."{name}"]' if "." in name else f"[{SECTION}.{name}]"


def variable(name: str, key: str) -> str:
    """Return the variable of a plugin's key: TGBOT_PLUGINS_SHOP_PRICE."""
    return PREFIX + f"{name}_{key}".upper().replace(".", "_")


def tables_of(
    origins: list[Origin],
    modules: tuple[str, ...],
    environ: Mapping[str, str],
    file: Path,
    warn: Callable[[str], None],
) -> Tables:
    """Return the tables of these plugins; those in files of TOML come out of `origins`.

    Raise ConfigError for a table of a plugin that [bot] plugins does not name.
    """
    names = names_of(modules)
    found = [table for origin in origins for table in _written_in(origin, names)]
    found += _credentials(environ.get("CREDENTIALS_DIRECTORY", ""), names)
    found += _from_environment(environ, names)
    return Tables(str(file), names, tuple(found), warn)


def is_plugins(name: str) -> bool:
    """Return whether a variable is one for settings of plugins, if there is such a plugin."""
    return name.startswith(PREFIX) and name != PREFIX.removesuffix("_") + FILE_SUFFIX


def _written_in(origin: Origin, names: Mapping[str, str]) -> Iterator[Table]:
    found: dict[str, str] = {}
    for name, values in origin.plugins.items():
        module = _module_of(origin, name, values, names)
        if not isinstance(values, dict):
            section = section_of(name)
            raise ConfigSourceError(origin.name, f"{name} is a section: write {section} on a line of its own")
        if (other := found.setdefault(module, name)) != name:
            both = f"{section_of(other)} and {section_of(name)}"
            raise ConfigSourceError(
                origin.name, f"{both} are for the same plugin: put all keys under one of them"
            )
        yield Table(module, origin, values)


def _module_of(origin: Origin, name: str, values: object, names: Mapping[str, str]) -> str:
    """Return the module of the plugin with a name; raise ConfigError with the one that was probably meant."""
    modules = {short: module for module, short in names.items()} | {module: module for module in names}
    if name in modules:
        return modules[name]
    dotted = [module for module in names if module.startswith(f"{name}.")]
    shared = [module for module in names if module.endswith(f".{name}")]
    what = f"section [{SECTION}.{shown(name)}]"
    if shared:
        sections = " or ".join(map(section_of, shared))
        problem = f"{what} may be of several plugins: write {sections}"
    elif dotted and isinstance(values, dict) and any(isinstance(inner, dict) for inner in values.values()):
        problem = (
            f"there is no plugin {name}: the name of {dotted[0]} stands in quotes, {section_of(dotted[0])}"
        )
    elif names:
        near = difflib.get_close_matches(name.lower(), modules, 1, 0.6)
        only = ", ".join(map(section_of, names.values()))
        problem = f"there is no {what}" + (
            f"; did you mean {section_of(near[0])}?" if near else f", only {only}"
        )
    else:
        problem = f"there is no {what}: [bot] plugins names no plugins"
    raise ConfigSourceError(origin.name, problem)


def _nearest(rest: str, names: Mapping[str, str], *, upper: bool) -> tuple[str, str] | None:
    """Return module and key of "SHOP_PRICE", for the plugin with the longest name that fits."""
    found = []
    for module, name in names.items():
        head = name.replace(".", "_") + "_"
        head = head.upper() if upper else head.lower()
        if rest.startswith(head) and rest != head:
            found.append((len(head), module, rest[len(head) :].lower()))
    return max(found)[1:] if found else None


def _from_environment(environ: Mapping[str, str], names: Mapping[str, str]) -> Iterator[Table]:
    values: dict[str, dict[str, str]] = {}
    heads = [name.replace(".", "_").upper() for name in names.values()]
    for name, text in environ.items():
        if not is_plugins(name):
            continue
        rest = name.removeprefix(PREFIX)
        if (found := _nearest(rest, names, upper=True)) is not None:
            module, key = found
            values.setdefault(module, {})[key] = text.strip()
            continue
        for head in heads:
            parts = rest.split("_")
            said = "_".join(parts[: head.count("_") + 1])
            if len(parts) > head.count("_") + 1 and difflib.get_close_matches(said, [head], 1, 0.7):
                meant = f"{PREFIX}{head}_{rest[len(said) + 1 :]}"
                raise ConfigSourceError(
                    ENVIRONMENT, f"there is no plugin for {shown(name)}; did you mean {shown(meant)}?"
                )
    for module, texts in values.items():
        yield Table(module, Origin(ENVIRONMENT, {}), texts)


def _credentials(directory: str, names: Mapping[str, str]) -> Iterator[Table]:
    """Yield what a service manager hands over: a file for each value, such as plugins_shop_price."""
    for path, module, key in _handed_over(directory, names):
        value = read_value(path, f"{section_of(names[module])} {key}")
        yield Table(module, Origin(str(path), {}, one_value=True), {key: value})


def _handed_over(directory: str, names: Mapping[str, str]) -> Iterator[tuple[Path, str, str]]:
    """Yield the files with values for plugins in a directory, each with the module and the key."""
    start = f"{SECTION}_"
    for file in sorted(os.listdir(directory)) if directory and os.path.isdir(directory) else ():
        if file.startswith(start) and (found := _nearest(file.removeprefix(start), names, upper=False)):
            yield Path(directory, file), *found


def _with_named_files(tables: list[Table], section: str, known: Mapping[str, str]) -> Iterator[Table]:
    """Yield the tables, and before those of the environment what is in the files that its variables name."""
    suffix = FILE_SUFFIX.lower()
    for table in tables:
        if table.origin.name != ENVIRONMENT:
            yield table
            continue
        texts = dict(table.values)
        for key in [one for one in texts if one not in known and one.removesuffix(suffix) in known]:
            path, plain = texts.pop(key), key.removesuffix(suffix)
            if plain in texts:
                problem = f"both the value of {section} {plain} and a file with it are set: keep one of them"
                raise ConfigSourceError(ENVIRONMENT, problem)
            if path:
                why = f", and a variable for {section} {known[plain]} names it"
                value = read_value(Path(path).expanduser(), f"{section} {known[plain]}", why)
                yield Table(table.module, Origin(path, {}, one_value=True), {plain: value})
        yield Table(table.module, table.origin, texts)


def _refuse(table: Table, name: str, key: str, known: list[str]) -> None:
    """Raise ConfigError for a key that a plugin's model does not have."""
    if table.origin.name == ENVIRONMENT:
        what, names = variable(name, key), [variable(name, one) for one in known]
        near = difflib.get_close_matches(what, names, 1, 0.6)
        end = f"; did you mean {near[0]}?" if near else f", only {', '.join(names)}"
        raise ConfigSourceError(ENVIRONMENT, f"there is no {shown(what)}{end}")
    # The value is not shown: it may be a secret under a misspelt name.
    raise ConfigSourceError(table.origin.name, unknown(f"key {shown(key)} in {section_of(name)}", key, known))
