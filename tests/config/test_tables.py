"""Settings of plugins: which of them wins, what a plugin's own model refuses, and how that reads."""

from __future__ import annotations

import subprocess
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from tgbot.config.changes import changes
from tgbot.config.loading import load
from tgbot.config.settings import Config
from tgbot.core.errors import ConfigError

SECRET = "sesame-open-4711"


class Dish(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    cents: int = 100


class Settings(BaseModel):
    price: int = Field(default=5, description="a price in cents, from 1 to 1000", ge=1, le=1000)
    sizes: list[str] = ["S", "M"]
    codes: tuple[int, ...] = ()
    open: bool = True
    opens: time = time(9)
    menu: list[Dish] = []
    picture: Path | None = None
    key: SecretStr | None = None
    keys: list[SecretStr] = []
    even: int = 2

    @field_validator("even")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("it must be even")
        return value

    @model_validator(mode="after")
    def _affordable(self) -> Settings:
        if self.price == 13:
            raise ValueError("13 brings bad luck")
        return self


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)
    count: int
    on: bool = False
    names: list[str] = []


def config(directory: Path, text: str, *, plugins: str = '["shop"]', **environ: str) -> Config:
    file = directory / "config.toml"
    file.write_text(f"[bot]\nplugins = {plugins}\n{text}")
    file.chmod(0o600)
    return load(file, environ)


def read(directory: Path, text: str, *, plugins: str = '["shop"]', **environ: str) -> Settings:
    settings = config(directory, text, plugins=plugins, **environ).plugins.read("shop", Settings)
    assert isinstance(settings, Settings)
    return settings


def refusal(
    directory: Path,
    text: str,
    *,
    plugins: str = '["shop"]',
    model: type[Any] | None = Settings,
    **environ: str,
) -> str:
    with pytest.raises(ConfigError) as refused:
        config(directory, text, plugins=plugins, **environ).plugins.read("shop", model)
    said = str(refused.value)
    assert "\n" not in said
    assert SECRET not in said
    return said.replace(str(directory), "DIR")


def test_a_plugin_gets_what_its_table_says_and_its_own_defaults(tmp_path: Path) -> None:
    table = '[plugins.shop]\nprice = 7\nopens = 08:30:00\nmenu = [{ name = "tea" }]\npicture = "tea.png"'
    settings = read(tmp_path, table)
    assert (settings.price, settings.sizes, settings.opens) == (7, ["S", "M"], time(8, 30))
    assert settings.menu == [Dish(name="tea", cents=100)]
    assert settings.picture == tmp_path / "tea.png"
    assert read(tmp_path, "") == Settings()
    assert Config().plugins.read("shop", Settings) == Settings()


def test_variables_beat_files_these_credentials_and_these_secrets(tmp_path: Path) -> None:
    (tmp_path / "secrets.toml").write_text("[plugins.shop]\nprice = 2")
    (tmp_path / "secrets.toml").chmod(0o600)
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "value").write_text("4\n")
    table = "[plugins.shop]\nprice = 1\neven = 8"
    assert (read(tmp_path, table).price, read(tmp_path, table).even) == (2, 8)
    (credentials / "plugins_shop_price").write_text("3\n")
    given = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert read(tmp_path, table, **given).price == 3
    (credentials / "plugins_cafe_price").touch()  # of no plugin
    (credentials / "plugins").touch()
    assert config(tmp_path, table).plugins.credentials(credentials) == ["plugins_shop_price"]
    (credentials / "plugins").unlink()
    given["TGBOT_PLUGINS_SHOP_PRICE_FILE"] = str(tmp_path / "value")
    assert read(tmp_path, table, **given).price == 4
    del given["TGBOT_PLUGINS_SHOP_PRICE_FILE"]
    given["TGBOT_PLUGINS_SHOP_PRICE"] = " 5 "
    assert read(tmp_path, table, **given).price == 5
    given["TGBOT_PLUGINS_SHOP_PRICE"] = ""  # back to the default
    given["TGBOT_PLUGINS_SHOP_EVEN"] = "4"
    assert (read(tmp_path, table, **given).price, read(tmp_path, table, **given).even) == (5, 4)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("sizes", "L", ["L"]),
        ("sizes", "L, XL", ["L", "XL"]),
        ("sizes", '["L, or M"]', ["L, or M"]),
        ("codes", "1,2", (1, 2)),
        ("codes", "[1]", (1,)),
        ("open", "no", False),
        ("opens", "10:00", time(10)),
        ("menu", '[{ name = "tea", cents = 3 }]', [Dish(name="tea", cents=3)]),
        ("even", "6", 6),
    ],
)
def test_a_text_of_the_environment_is_read_as_the_model_needs_it(
    tmp_path: Path, key: str, text: str, value: object
) -> None:
    assert getattr(read(tmp_path, "", **{f"TGBOT_PLUGINS_SHOP_{key.upper()}": text}), key) == value


def test_a_strict_model_is_given_numbers_and_lists(tmp_path: Path) -> None:
    given = {"COUNT": "3", "ON": "true", "NAMES": "a, b"}
    environ = {f"TGBOT_PLUGINS_SHOP_{key}": text for key, text in given.items()}
    assert config(tmp_path, "", **environ).plugins.read("shop", Strict) == Strict(
        count=3, on=True, names=["a", "b"]
    )


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "price = 0",
            "DIR/config.toml: [plugins.shop] price = 0: expected a price in cents, from 1 to 1000.",
        ),
        ('open = "x"', "DIR/config.toml: [plugins.shop] open = 'x': expected a valid boolean"),
        ("even = 3", "DIR/config.toml: [plugins.shop] even = 3: expected another value (it must be even)."),
        ("price = 13", "DIR/config.toml: [plugins.shop]: 13 brings bad luck."),
        (
            "menu = [{ name = 1 }]",
            "DIR/config.toml: [plugins.shop] menu.0.name = 1: expected a valid string.",
        ),
        ('prize = "x"', "DIR/config.toml: there is no key prize in [plugins.shop]; did you mean price?"),
        (
            "zzz = 1",
            "DIR/config.toml: there is no key zzz in [plugins.shop], only codes, even, key, keys, menu,",
        ),
        (
            f'key = ["{SECRET}"]',
            "DIR/config.toml: [plugins.shop] key = (not shown): expected a valid string.",
        ),
        (
            f'keys = ["a", {{ x = "{SECRET}" }}]',
            "DIR/config.toml: [plugins.shop] keys.1 = (not shown): expected",
        ),
    ],
)
def test_what_is_wrong_is_one_line_with_file_key_value_and_expectation(
    tmp_path: Path, table: str, said: str
) -> None:
    assert refusal(tmp_path, f"[plugins.shop]\n{table}").startswith(said)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    said = "DIR/config.toml: [plugins.shop] needs the key count: it has no default."
    assert refusal(tmp_path, "[plugins.shop]\non = true", model=Strict) == said
    assert refusal(tmp_path, "", model=Strict) == said


def test_what_is_wrong_in_the_environment_names_the_variable(tmp_path: Path) -> None:
    wrong = refusal(tmp_path, "", TGBOT_PLUGINS_SHOP_PRICE="dear")
    assert wrong.startswith(
        "TGBOT_PLUGINS_SHOP_PRICE: [plugins.shop] price = 'dear': expected a price in cents"
    )
    nearly = refusal(tmp_path, "", TGBOT_PLUGINS_SHOP_PRIZE="1")
    assert nearly.endswith("there is no TGBOT_PLUGINS_SHOP_PRIZE; did you mean TGBOT_PLUGINS_SHOP_PRICE?")
    other = refusal(tmp_path, "", TGBOT_PLUGINS_SHPO_PRICE="1")
    assert "did you mean TGBOT_PLUGINS_SHOP_PRICE?" in other
    both: dict[str, Any] = {"TGBOT_PLUGINS_SHOP_PRICE": "1", "TGBOT_PLUGINS_SHOP_PRICE_FILE": "x"}
    assert "are set: keep one of them" in refusal(tmp_path, "", **both)
    # An orchestrator makes such names out of that of a service.
    assert read(tmp_path, "", TGBOT_PLUGINS_SERVICE_HOST="10.0.0.1", TGBOT_PLUGINS_PORT="80") == Settings()


def test_a_wrong_value_in_a_file_of_its_own_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "value").write_text(SECRET)
    said = refusal(tmp_path, "", TGBOT_PLUGINS_SHOP_PRICE_FILE=str(tmp_path / "value"))
    assert said.startswith("DIR/value: [plugins.shop] price = (not shown): expected a price in cents")
    missing = refusal(tmp_path, "", TGBOT_PLUGINS_SHOP_KEY_FILE=str(tmp_path / "nowhere"))
    assert "DIR/nowhere: it cannot be read" in missing
    assert "a variable for [plugins.shop] key names it" in missing


@pytest.mark.parametrize(
    ("plugins", "text", "said"),
    [
        ("[]", "[plugins.shop]", "there is no section [plugins.shop]: [bot] plugins names no plugins."),
        ('["shop"]', "[plugins.shpo]", "there is no section [plugins.shpo]; did you mean [plugins.shop]?"),
        (
            '["my.shop"]',
            "[plugins.cafe]",
            "there is no section [plugins.cafe], only [plugins.shop].",
        ),
        (
            '["my.shop"]',
            "[plugins.my.shop]\na = 1",
            'the name of my.shop stands in quotes, [plugins."my.shop"].',
        ),
        ('["a.shop", "b.shop"]', "[plugins.shop]", 'write [plugins."a.shop"] or [plugins."b.shop"].'),
        (
            '["my.shop"]',
            '[plugins.shop]\n[plugins."my.shop"]',
            "are for the same plugin: put all keys under one",
        ),
        ('["shop"]', "[plugins]\nshop = 1", "shop is a section: write [plugins.shop] on a line of its own."),
        ('["shop"]', "[plugin.shop]\na = 1", "there is no section [plugin]"),
    ],
)
def test_a_table_of_no_plugin_is_refused_with_what_was_meant(
    tmp_path: Path, plugins: str, text: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, text, plugins=plugins)
    assert said in str(refused.value)


def test_a_plugin_is_called_by_the_last_part_of_its_module_or_by_all_of_it(tmp_path: Path) -> None:
    one = config(tmp_path, "[plugins.shop]\nprice = 3", plugins='["my.shop"]')
    assert one.plugins.read("my.shop", Settings).price == 3
    whole = config(
        tmp_path, '[plugins."my.shop"]\nprice = 3', plugins='["my.shop"]', TGBOT_PLUGINS_SHOP_EVEN="8"
    )
    assert whole.plugins.read("my.shop", Settings).even == 8
    text = '[plugins."a.shop"]\nprice = 3\n[plugins."b.shop"]\nprice = 4'
    two = config(tmp_path, text, plugins='["a.shop", "b.shop"]', TGBOT_PLUGINS_B_SHOP_PRICE="5")
    assert [two.plugins.read(name, Settings).price for name in ("a.shop", "b.shop")] == [3, 5]
    longest = config(tmp_path, "", plugins='["shop", "shop_key"]', TGBOT_PLUGINS_SHOP_KEY_PRICE="6")
    assert longest.plugins.read("shop_key", Settings).price == 6
    assert longest.plugins.read("shop", Settings) == Settings()


def test_settings_for_a_plugin_without_a_class_for_them_are_refused(tmp_path: Path) -> None:
    said = refusal(tmp_path, "[plugins.shop]\nprice = 3", model=None)
    assert said.startswith("DIR/config.toml: [plugins.shop]: the plugin shop takes no settings")
    assert refusal(tmp_path, "", model=None, TGBOT_PLUGINS_SHOP_X="1").startswith(
        "environment: [plugins.shop]"
    )
    assert config(tmp_path, "").plugins.read("shop", None) is None


@pytest.mark.parametrize("line", [f'key = "{SECRET}"', f'keys = ["{SECRET}"]'])
def test_a_secret_of_a_plugin_is_refused_in_a_file_that_git_tracks(tmp_path: Path, line: str) -> None:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    (tmp_path / "config.toml").touch()
    subprocess.run(["git", "add", "config.toml"], cwd=tmp_path, check=True)
    said = refusal(tmp_path, f"[plugins.shop]\n{line}")
    assert "is a secret, and git tracks this file: move it to secrets.toml" in said
    assert read(tmp_path, "[plugins.shop]\nprice = 3").price == 3


def test_a_secret_of_a_plugin_that_others_can_read_is_warned_of_and_is_in_no_repr(tmp_path: Path) -> None:
    file, warnings = tmp_path / "config.toml", list[str]()
    file.write_text(f'[bot]\nplugins = ["shop"]\n[plugins.shop]\nkey = "{SECRET}"')
    file.chmod(0o644)
    found = load(file, {"TGBOT_PLUGINS_SHOP_KEYS": SECRET}, warnings.append)
    assert not warnings
    assert SECRET not in f"{found!r} {found.model_dump()} {found.plugins!r}"
    assert found.plugins.read("shop", Settings).key.get_secret_value() == SECRET
    assert [f"{file} holds secrets" in warning for warning in warnings] == [True]


def test_what_differs_is_told_by_its_key(tmp_path: Path) -> None:
    before = config(tmp_path, "[plugins.shop]\nprice = 3\neven = 2")
    assert changes(before, config(tmp_path, "[plugins.shop]\nprice = 3\neven = 2")) == []
    now = config(tmp_path, "[plugins.shop]\nprice = 4\nopen = false")
    assert changes(before, now) == ["[plugins.shop] price", "[plugins.shop] open", "[plugins.shop] even"]


def test_a_validator_that_breaks_names_the_class(tmp_path: Path) -> None:
    class Broken(BaseModel):
        @model_validator(mode="after")
        def _broken(self) -> Broken:
            raise KeyError(SECRET)

    assert "its class Settings raised KeyError" in refusal(tmp_path, "", model=Broken)
