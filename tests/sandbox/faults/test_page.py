"""docs/sandbox.md lists every fault, with its Python call and its typed command."""

import re
from pathlib import Path

from tgbot.sandbox.console import COMMANDS, of_world
from tgbot.sandbox.faults import Damage, DeadKey, Faults, Nonsense, Shape, Timestamp

PAGE = (Path(__file__).parents[3] / "docs/sandbox.md").read_text(encoding="utf-8")
#: What the server and its page ask of the faults.
FOR_THE_SERVER = {"active", "arrange", "dead_key", "garbled", "obstruct", "plan", "refusing", "withheld"}
ROW = re.compile(r"^\| (.+?) \| `(\w+)\((.*?)\)` \| (?:`([^`]*)`|—) \|$", re.MULTILINE)


def test_every_python_call_is_in_the_table() -> None:
    calls = {name for name in dir(Faults) if not name.startswith("_")} - FOR_THE_SERVER
    assert {name for _, name, _, _ in ROW.findall(PAGE)} == calls


def test_the_arguments_in_the_table_are_those_of_the_code() -> None:
    for _, name, arguments, _ in ROW.findall(PAGE):
        code = getattr(Faults, name).__code__
        known = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        named = [word.partition("=")[0].strip() for word in arguments.split(",") if word.strip()]
        assert named == list(known), name


def test_every_typed_command_is_in_the_table_with_its_usage() -> None:
    table = {line for _, _, _, line in ROW.findall(PAGE) if line}
    faults = {name: command for name, command in COMMANDS.items() if name not in {"help", *of_world.COMMANDS}}
    usages = {f"{name} {command.usage}".rstrip() for name, command in faults.items()}
    assert {line.replace("\\|", "|") for line in table} == usages


def test_the_commands_that_are_no_faults_are_on_the_page() -> None:
    for name, command in of_world.COMMANDS.items():
        assert f"`{name} {command.usage}`".replace("|", "\\|") in PAGE


def test_every_value_of_a_choice_is_explained() -> None:
    for choices in (Damage, DeadKey, Nonsense, Shape, Timestamp):
        for each in choices:
            assert f"`{each.value}`" in PAGE, each
