from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import pytest

from tgbot.core.errors import PluginError
from tgbot.plugins import loading
from tgbot.plugins.parts import Parts

GOT: dict[str, Any] = {}


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    GOT.clear()


@pytest.fixture
def parts() -> Parts:
    """Return parts that are only strings with their names; no test uses them otherwise."""
    return Parts(**{field.name: cast(Any, f"the {field.name}") for field in fields(Parts)})


@pytest.fixture
def plugin(tmp_path: Path) -> Any:
    """Return `plugin("name", source)`: it writes a module and returns its name; `got` in it is GOT."""

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(f"from {__name__} import GOT as got\n{source}\n")
        return name

    return write


async def test_a_plugin_gets_the_client_and_the_parts_that_it_names(plugin: Any, parts: Parts) -> None:
    name = plugin("load_some", "def register(bot, *, users, admins, colour='red'): got.update(locals())")
    await loading.load(name).register(parts)
    assert GOT == {"bot": "the client", "users": "the users", "admins": "the admins", "colour": "red"}


async def test_register_may_be_a_coroutine_function(plugin: Any, parts: Parts) -> None:
    later = "import asyncio\nasync def register(bot, *, users): got['users'] = await asyncio.sleep(0, users)"
    await loading.load(plugin("load_later", later)).register(parts)
    assert GOT == {"users": "the users"}


async def test_a_plugin_may_want_nothing_but_the_client(plugin: Any, parts: Parts) -> None:
    await loading.load(plugin("load_none", "def register(client): got['client'] = client")).register(parts)
    assert GOT == {"client": "the client"}


async def test_what_is_made_from_the_token_is_given_only_by_name(plugin: Any, parts: Parts) -> None:
    others = ("client", "settings")  # given first, and where there is a class for them
    everything = {field.name: f"the {field.name}" for field in fields(Parts) if field.name not in others}
    key = everything.pop("payload_key")
    await loading.load(plugin("load_all", "def register(client, **parts): got.update(parts)")).register(parts)
    assert everything == GOT
    GOT.clear()
    named = "def register(client, *, payload_key, **parts): got.update(parts, payload_key=payload_key)"
    await loading.load(plugin("load_key", named)).register(parts)
    assert everything | {"payload_key": key} == GOT


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("load_number", "register = 5", r"it has no function register, in .*py\."),
        ("load_empty", "", r"it has no function register, in .*py\."),
        (
            "load_start",
            "def register(c): ...\ndef on_start(grace): ...",
            "its on_start asks for 'grace', and",
        ),
        (
            "load_stop",
            "def register(c): ...\ndef on_stop(grade): ...",
            r"its on_stop asks for 'grade' \(did you mean grace\?\), and the parts are grace, client, users",
        ),
        (
            "load_settings",
            "def register(c, *, settings): ...",
            r"its register asks for 'settings', and it has no class Settings\(.*\), in .* line 2\.",
        ),
        ("load_raises", "import os\nos.no_such_name", "importing it raised AttributeError: .*'no_such_name'"),
        ("load_syntax", "def register(client:", "importing it raised SyntaxError"),
        ("load_missing", "import no_such_module_of_ours", "importing it raised ModuleNotFoundError"),
        (
            "load_unknown",
            "def register(client, *, user): ...",
            r"its register asks for 'user' \(did you mean users\?\), and .* are users, .*known.py line 2\.",
        ),
        ("load_refuses", "def register(client): raise ValueError('no')", "register raised ValueError: no"),
        ("load_nothing", "def register(): ...", "register raised TypeError.*, in .*/load_nothing.py line 2"),
        (
            "load_awaits",
            "async def register(client): raise ValueError('no')",
            "register raised ValueError: no, in",
        ),
    ],
)
async def test_a_plugin_that_cannot_be_used_is_named_with_the_reason(
    plugin: Any, parts: Parts, name: str, source: str, reason: str
) -> None:
    with pytest.raises(PluginError, match=f"The plugin {name} cannot be used: {reason}"):
        await loading.load(plugin(name, source)).register(parts)


def test_an_error_at_import_names_the_innermost_line_of_the_plugin_s_own_code(
    plugin: Any, tmp_path: Path
) -> None:
    """Neither a frame of a library nor one of the bot is named, and no traceback is shown."""
    helper = plugin("load_helper", "import json\ndef read():\n    return json.loads('{')")
    for name, source, file, line in (
        ("place_direct", "import os\nvalue = 1 / 0", "place_direct.py", 3),
        ("place_library", "import json\n\njson.loads('{')", "place_library.py", 4),
        ("place_helper", f"import {helper}\n{helper}.read()", "load_helper.py", 4),
        ("place_syntax", "x = 1\ndef register(client:", "place_syntax.py", 3),
        ("place_indent", "def register(client):\nreturn 1", "place_indent.py", 3),
        ("place_import", "x = 1\nfrom os import no_such_name", "place_import.py", 3),
        ("place_missing", "\n\nimport no_such_module_of_ours", "place_missing.py", 4),
        ("place_exit", "import sys\nsys.exit('not today')", "place_exit.py", 3),
    ):
        with pytest.raises(PluginError) as caught:
            loading.load(plugin(name, source))
        said = str(caught.value)
        assert f", in {tmp_path / file} line {line}. A plugin is" in said
        assert "Traceback" not in said
        assert "\n" not in said


async def test_an_error_of_register_names_its_line(plugin: Any, parts: Parts, tmp_path: Path) -> None:
    name = plugin("place_register", "def register(client):\n    raise SystemExit")
    with pytest.raises(PluginError, match=rf"register raised SystemExit, in {tmp_path / name}.py line 3\."):
        await loading.load(name).register(parts)


def test_an_error_at_import_shows_no_secret(plugin: Any) -> None:
    token = "110201543:" + "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"
    name = plugin("place_secret", f"raise ValueError('{token[:10]}' + '{token[10:]} is no good')")
    with pytest.raises(PluginError) as caught:
        loading.load(name)
    assert token[10:] not in str(caught.value)
    assert "is no good" in str(caught.value)


async def test_a_plugin_that_is_named_twice_is_registered_once_and_logged(
    plugin: Any, parts: Parts, caplog: pytest.LogCaptureFixture
) -> None:
    name = plugin("load_twice", "def register(client): got['times'] = got.get('times', 0) + 1")
    other = plugin("load_once", "def register(client): ...")
    loaded = loading.load_all([name, other, name, name])
    assert [each.module for each in loaded] == [name, other]
    for each in loaded:
        await each.register(parts)
    assert GOT == {"times": 1}
    assert {record.getMessage() for record in caplog.records} == {
        "[bot] plugins names load_twice more than once; it is registered once"
    }


def test_a_module_that_does_not_exist_is_named() -> None:
    with pytest.raises(PluginError, match="The plugin no_such_module cannot be used: No module named"):
        loading.load("no_such_module")


def test_nothing_is_registered_by_loading(plugin: Any) -> None:
    loading.load(plugin("load_only", "def register(client): got['called'] = True"))
    assert not GOT
