from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tgbot.core.errors import PluginError
from tgbot.plugins.loading import load
from tgbot.plugins.origins import directories


@pytest.fixture(autouse=True)
def _modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package, and a directory with a module that it imports, both of which can be imported."""
    before = set(sys.modules)
    for name, source in (
        ("plugins/origin_shop/__init__.py", ""),
        ("plugins/origin_shop/orders.py", "import tabnanny\nimport origin_prices\ndef register(client): ..."),
        ("own/origin_prices.py", ""),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    for name in ("plugins", "own"):
        monkeypatch.syspath_prepend(tmp_path / name)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def found(plugin: str) -> set[Path]:
    """Return where a plugin comes from, also if it cannot be loaded."""
    before = set(sys.modules)
    failed: BaseException | None = None
    try:
        load(plugin)
    except PluginError as error:
        failed = error
    found = directories([plugin], set(sys.modules) - before, failed)
    return found - {Path(__file__).parent}  # the first frame of the error is here


def test_a_plugin_comes_from_its_package_and_from_what_it_imports_of_its_own(tmp_path: Path) -> None:
    assert found("origin_shop.orders") == {tmp_path / "plugins/origin_shop", tmp_path / "own"}


@pytest.mark.parametrize(
    ("broken", "missing"),
    [
        ("plugins/origin_shop/orders.py", {"own"}),  # it ends before it imports anything
        ("own/origin_prices.py", set()),
        ("plugins/origin_shop/__init__.py", {"own"}),
    ],
)
@pytest.mark.parametrize("source", ["def x(:\n", "import no_such_module_of_ours\n", "1 / 0\n"])
def test_a_file_that_cannot_be_loaded_is_where_the_plugin_comes_from(
    tmp_path: Path, broken: str, missing: set[str], source: str
) -> None:
    (tmp_path / broken).write_text(source)
    assert found("origin_shop.orders") == {
        tmp_path / name for name in {"plugins/origin_shop", "own"} - missing
    }


def test_a_plugin_whose_turn_did_not_come_is_found_all_the_same(tmp_path: Path) -> None:
    assert directories(["origin_shop.orders"], (), None) == {tmp_path / "plugins/origin_shop"}


def test_a_plugin_that_is_nowhere_comes_from_nowhere() -> None:
    assert found("origin_absent") == set()


def test_an_installed_plugin_comes_from_where_it_is_installed() -> None:
    import pytest_asyncio

    assert found("pytest_asyncio") == {Path(pytest_asyncio.__file__).parent}
