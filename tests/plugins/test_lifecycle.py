from __future__ import annotations

import asyncio
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, cast

import pytest

from tgbot.core.errors import PluginError
from tgbot.messaging.menu import Menu
from tgbot.plugins.lifecycle import Plugins
from tgbot.plugins.loading import load_all
from tgbot.plugins.parts import Parts
from tgbot.plugins.talks import Talks

#: What the plugins of a test note, in order.
GOT: list[Any] = []

ALL = """
def register(client): got.append(f"register {NAME}")
def on_start(client, users): got.append(f"on_start {NAME} {client} {users}")
async def on_stop(grace, client): got.append(f"on_stop {NAME} {client} {grace > 0}")
def on_error(event, error, sender): got.append((NAME, event, error, sender))
async def on_forget(user_id, parked): got.append((NAME, user_id, parked))
"""


class AnyTalks(Talks):
    """Talks for plugins that have none."""

    def __init__(self) -> None:
        pass


@pytest.fixture
async def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return `await registered(name="source", …)`, which registers plugins; `got` in them is GOT."""
    monkeypatch.syspath_prepend(tmp_path)
    GOT.clear()
    parts = Parts(**{field.name: cast(Any, f"the {field.name}") for field in fields(Parts)})

    async def register(**sources: str) -> Plugins:
        for name, source in sources.items():
            file = tmp_path / f"{name.replace('__', '/')}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"from {__name__} import GOT as got\nNAME = __name__\n{source}\n")
        plugins = Plugins(load_all(name.replace("__", ".") for name in sources))
        await plugins.register(replace(parts, commands=Menu(), talks=AnyTalks()), {})
        return plugins

    return register


async def test_plugins_start_in_order_and_stop_in_reverse_with_the_parts_they_name(registered: Any) -> None:
    plugins = await registered(life_one=ALL, life_two=ALL)
    await plugins.start()
    assert await plugins.stop(5.0) == []
    assert GOT == [
        "register life_one",
        "register life_two",
        "on_start life_one the client the users",
        "on_start life_two the client the users",
        "on_stop life_two the client True",
        "on_stop life_one the client True",
    ]


async def test_a_start_that_fails_names_function_file_and_line_and_stops_those_that_registered(
    registered: Any, tmp_path: Path
) -> None:
    fails = (
        "def register(client): ...\nasync def on_start(): raise ValueError('no table')\n"
        "def on_stop(): got.append('closed')"
    )
    plugins = await registered(life_fails=fails, life_later=ALL)
    place = rf"on_start raised ValueError: no table, in {tmp_path}/life_fails.py line 4\."
    with pytest.raises(PluginError, match=f"The plugin life_fails cannot be used: {place}"):
        await plugins.start()
    assert await plugins.stop(5.0) == []
    assert GOT == ["register life_later", "on_stop life_later the client True", "closed"]


async def test_a_plugin_that_could_not_register_is_not_stopped(registered: Any) -> None:
    with pytest.raises(PluginError):
        await registered(life_unable="def register(client): 1 / 0\ndef on_stop(): got.append('closed')")
    assert GOT == []


async def test_an_on_stop_that_raises_or_hangs_keeps_no_other_one_from_its_own(
    registered: Any, caplog: pytest.LogCaptureFixture
) -> None:
    hangs = "import asyncio\ndef register(c): ...\nasync def on_stop(): await asyncio.Event().wait()"
    raises = "def register(c): ...\ndef on_stop(): raise RuntimeError('a text')"
    plugins = await registered(life_first=ALL, life_hangs=hangs, life_raises=raises)
    GOT.clear()
    assert await plugins.stop(0.05) == ["on_stop (life_hangs)"]
    assert GOT == ["on_stop life_first the client False"]
    (record,) = caplog.records
    said = record.getMessage()
    assert said.startswith(
        "on_stop of the plugin life_raises failed: RuntimeError < life_raises.py:4 in on_stop"
    )
    assert "a text" not in said


async def test_an_error_is_told_to_the_plugin_in_whose_module_or_package_the_handler_is(
    registered: Any,
) -> None:
    plugins = await registered(
        life_a=ALL, life_ab=ALL, life_shop__main=ALL, life_pair__x=ALL, life_pair__y=ALL
    )
    GOT.clear()
    error = ValueError()
    for handler, owner in (
        ("life_a.register.answer", "life_a"),
        ("life_ab.register.answer", "life_ab"),
        ("life_shop.main.answer", "life_shop.main"),
        ("life_shop.orders.answer", "life_shop.main"),
        ("life_pair.y.answer", "life_pair.y"),
        ("life_pair.shared.answer", None),
        ("elsewhere.answer", None),
    ):
        await plugins.failed(handler, "the event", error)
        assert [GOT.pop()] == [(owner, "the event", error, "the sender")] if owner else GOT == []
    assert GOT == []


async def test_each_plugin_forgets_a_user_and_those_that_fail_are_returned(
    registered: Any, caplog: pytest.LogCaptureFixture
) -> None:
    fails = "def register(c): ...\nasync def on_forget(user_id): raise OSError('of a user')"
    plugins = await registered(life_keeps=ALL, life_cannot=fails, life_nothing="def register(c): ...")
    GOT.clear()
    assert await plugins.forget(7) == ["life_cannot"]
    assert GOT == [("life_keeps", 7, "the parked")]
    (record,) = caplog.records
    said = "on_forget of the plugin life_cannot failed for user 7: OSError < life_cannot.py:4 in on_forget"
    assert record.getMessage().startswith(said)


async def test_a_cancelled_start_is_no_error_of_the_plugin(registered: Any) -> None:
    plugins = await registered(
        life_waits="import asyncio\ndef register(c): ...\nasync def on_start(): await asyncio.Event().wait()"
    )
    starting = asyncio.create_task(plugins.start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
