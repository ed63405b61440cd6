"""What is wrong with a command line: which command, which argument, what was expected, and where help is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

#: A command of typer, or a group of commands.
Command: TypeAlias = TyperCommand | TyperGroup
#: A parameter of typer, which has no public type.
_Parameter: TypeAlias = Any


@cache
def command_of(commands: typer.Typer) -> Command:
    """Return the command of a typer application; its help shows no type for options that take no value.

    It is made once: that takes as long as all else that happens to a wrong command line.
    """
    command = cast(Command, get_command(commands))
    _hide_types_of_flags(command, None)
    return command


def _hide_types_of_flags(command: Command, parent: typer.Context | None) -> None:
    context = typer.Context(command, info_name=command.name, parent=parent, **command.context_settings)
    for option in (*command.params, command.get_help_option(context)):
        if getattr(option, "is_flag", False):
            cast(_Parameter, option).metavar = ""
    for each in subcommands(command).values():
        _hide_types_of_flags(each, context)


def subcommands(command: Command) -> Mapping[str, Command]:
    """Return the commands of a group by name; none for a command that is no group."""
    return getattr(command, "commands", {})


class Usage:
    """A command line: the command that it means, and which words belong to which command on the way to it."""

    def __init__(self, command: Command, arguments: Sequence[str]) -> None:
        self._levels: list[tuple[list[str], Command, list[str]]] = []
        path: list[str] = []
        rest = list(arguments)
        while known := subcommands(command):
            options = []
            while rest and rest[0].startswith("-"):
                takes_value = rest[0] in _valued(command)
                options += rest[: 1 + takes_value]
                del rest[: 1 + takes_value]
            self._levels.append((path[:], command, options))
            if not rest or rest[0] not in known:
                break
            path.append(rest.pop(0))
            command = known[path[-1]]
        else:
            self._levels.append((path, command, rest))
        self._command, self._path, self._rest = command, path, rest

    def doubtful(self) -> str | None:
        """Return what to say of an empty argument, or of an option that is given twice; None without one.

        typer would take the last value, and an empty path as the current directory.
        """
        for path, command, words in self._levels:
            if problem := _doubtful(_valued(command), _repeated(command), words):
                return _sentence(path, problem)
        return None

    def explained(self, error: typer.TyperException) -> str:
        """Return what to say of an error of typer."""
        if isinstance(error, typer.BadParameter):
            return self._of_parameter(error)
        if (option := getattr(error, "option_name", None)) is not None:
            return self._of_option(str(option), error)
        message = error.format_message()
        if extra := re.fullmatch(r"Got unexpected extra argument\(s\) \((.*)\)", message, re.DOTALL):
            return self._said(f"'{extra[1]}' is too much: it takes {self._takes()}")
        if known := subcommands(self._command):
            if not self._rest:
                return self._said(f"name one of its commands: {', '.join(known)}")
            word = self._rest[0]
            return self._said(f"there is no command '{word}'{_near(word, known) or _only(known)}")
        return self._said(message)

    def _said(self, problem: str) -> str:
        return _sentence(self._path, problem)

    def _of_parameter(self, error: typer.BadParameter) -> str:
        parameter = cast(_Parameter, error.param)
        if parameter is None or error.param_hint:
            name = str(error.param_hint or "")
            return self._said(f"{name}: {error.message}" if name else error.message)
        name = _name(parameter)
        if hasattr(error, "param_type"):
            what = parameter.help or ""
            return self._said(f"{name} is missing: {what[:1].lower()}{what[1:].rstrip('.')}")
        details: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()  # pydantic's
        if not details:
            return self._said(f"{name}: {error.message.rstrip('.')}")
        given = str(details[0]["input"])
        said = str(details[0].get("ctx", {}).get("error", ""))
        if choices := re.findall(r"'([^']*)'", said.partition(" is not one of ")[2]):
            near = _near(given, choices)
            return self._said(f"{name} = '{given}': expected one of {', '.join(choices)}{near}")
        return self._said(f"{name} = '{given}': expected {said or _number(parameter)}")

    def _of_option(self, name: str, error: typer.TyperException) -> str:
        if not hasattr(error, "possibilities"):
            needs = "needs a value" if "requires" in error.format_message() else "takes no value"
            return self._said(f"{name} {needs}")
        if name == "--config":
            return self._said("--config stands before the command: tgbot --config FILE COMMAND")
        if re.fullmatch(r"-\d.*", name):
            return self._said(f"'{name}' begins like an option: numbers here are not negative")
        known = _names(self._command.params)
        where = " before the command" if subcommands(self._command) else ""
        return self._said(f"there is no option {name}{where}{_near(name, known) or _only(known)}")

    def _takes(self) -> str:
        arguments = [_name(each) for each in self._command.params if each.param_type_name == "argument"]
        return " and ".join(arguments) or "no arguments"


def _sentence(path: Sequence[str], problem: str) -> str:
    """Return a problem with the command before it, and where its help is behind it."""
    where = f"{' '.join(path)}: " if path else ""
    end = "" if problem.endswith("?") else "."
    return f"{where}{problem}{end} See: {' '.join(['tgbot', *path])} --help"


def _valued(command: Command) -> dict[str, str]:
    """Return the names of the options that take a value, each with the option's own name."""
    options = (each for each in command.params if not getattr(each, "is_flag", True))
    return {name: option.opts[-1] for option in options for name in option.opts}


def _repeated(command: Command) -> frozenset[str]:
    """Return the own names of the options that may be given several times."""
    return frozenset(each.opts[-1] for each in command.params if getattr(each, "multiple", False))


def _doubtful(valued: Mapping[str, str], repeated: Container[str], arguments: Sequence[str]) -> str | None:
    seen: set[str] = set()
    words = iter(enumerate(arguments, 1))
    for place, word in words:
        if word == "--":
            break
        if not word.strip():
            return f"argument {place} is empty: give it a value, or leave it out"
        name, equals, value = word.partition("=")
        if name not in valued:
            continue
        if valued[name] in seen and valued[name] not in repeated:
            return f"{name} is given twice: give it once"
        seen.add(valued[name])
        if not equals:
            value = next(words, (0, "-"))[1]
        if not value.strip():
            return f"{name} is empty: give it a value, or leave it out"
    return None


def _names(options: Iterable[_Parameter]) -> list[str]:
    return [name for option in options if option.param_type_name == "option" for name in option.opts]


def _name(parameter: _Parameter) -> str:
    """Return an option's name as it is typed, or an argument's as help shows it."""
    return str(parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar)


def _near(word: str, known: Iterable[str]) -> str:
    """Return a question for the name that was probably meant; "" if none is near."""
    near = difflib.get_close_matches(word.lower(), list(known), 1, 0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _only(known: Iterable[str]) -> str:
    names = ", ".join(known)
    return f", only {names}" if names else ""


def _number(parameter: _Parameter) -> str:
    low, high = parameter.min, parameter.max
    if low is None and high is None:
        return "a whole number"
    if low is not None and high is not None:
        return f"a whole number from {low} to {high}"
    return f"a whole number, at least {low}" if low is not None else f"a whole number, at most {high}"
