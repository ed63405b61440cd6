"""The configuration of a bot under test."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.errors import ConfigSourceError
from tgbot.testing import Bot, NewPerson
from tgbot.testing.configuration import as_toml, overridden, project_sections

values: st.SearchStrategy[Any] = st.recursive(
    st.text()
    | st.integers(-(2**60), 2**60)
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.from_regex("[a-z]{1,9}", fullmatch=True), st.dictionaries(st.text(), values)))
def test_what_is_written_is_read_again(sections: dict[str, dict[str, Any]]) -> None:
    assert tomllib.loads(as_toml(sections)) == sections


def test_dates_are_written_and_nothing_is_left_out() -> None:
    assert as_toml({"plugins": {"shop": {"since": date(2026, 1, 2)}, "no": None}}) == (
        '[plugins]\n"shop" = { "since" = 2026-01-02 }\n'
    )


def test_a_test_takes_of_the_projects_configuration_what_is_about_the_bot(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    assert project_sections(file) == {}
    file.write_text(
        '[telegram]\nbot_token = "1:2"\n[bot]\nplugins = ["shop"]\ntexts = "texts"\n[login]\nlisten = ":1"\n'
        '[plugins.shop]\nprice = 3\n[operate]\nlisten = ""\n[log]\nlevel = "ERROR"\n[storage]\nkeep = 1\n'
    )
    sections = project_sections(file)
    assert sections == {
        "bot": {"plugins": ["shop"], "texts": str(tmp_path / "texts")},
        "plugins": {"shop": {"price": 3}},
    }
    changed = overridden(
        sections, {"plugins": {"shop": {"price": 4}}, "keep": "all", "log": {"level": "DEBUG"}}
    )
    assert changed == {
        "bot": {"plugins": ["shop"], "texts": str(tmp_path / "texts"), "keep": "all"},
        "plugins": {"shop": {"price": 4}},
        "log": {"level": "DEBUG"},
    }
    assert sections["plugins"]["shop"]["price"] == 3


def test_a_configuration_that_is_not_toml_is_named_without_its_secrets(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[telegram]\nbot_token = 123:secret\n[bot]\n")
    with pytest.raises(ConfigSourceError, match="it is not TOML") as refused:
        project_sections(file)
    assert "secret" not in str(refused.value)


class TestSettings:
    """Settings for all tests of a class."""

    @pytest.fixture
    def bot_settings(self) -> dict[str, Any]:
        return {"plugins": ["tests.testing.shop"], "handlers": []}

    @pytest.mark.tgbot(in_process=True, handlers=["help"])
    async def test_the_marker_goes_before_them(self, bot: Bot, person: NewPerson) -> None:
        anna = await person("Anna")
        await anna.says("echo from the settings")
        await anna.hears("echo from the settings")
        await anna.says("/start")
        await anna.hears()  # by "help", which the marker has brought back; nobody else greets
        await anna.hears_nothing()
