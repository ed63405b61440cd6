from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from tgbot.core import errors
from tgbot.core.errors import (
    HIDDEN,
    BotRunningError,
    BotUnknownError,
    BudgetSpentError,
    ConfigError,
    CredentialsMissingError,
    ExportExistsError,
    HiddenForwardError,
    LinkError,
    LoginRefusedError,
    NameNotFoundError,
    NeverMetError,
    NeverRunError,
    NobodysSessionError,
    OwnFileError,
    PluginError,
    RegistryDamagedError,
    RegistryTooNewError,
    RegistryTooOldError,
    SessionDamagedError,
    SessionInUseError,
    SessionTooNewError,
    StorageFailedError,
    StorageFullError,
    TextError,
    TgbotError,
    UnknownFormError,
    WrongBotError,
)

PATH = Path("sessions/bot.session")
EXAMPLES = [
    ConfigError("[bot] admins", "a list of user ids", value="me", source="config.toml"),
    CredentialsMissingError(["api_id", "bot_token"]),
    PluginError("my_plugin", "it has no register()"),
    WrongBotError(PATH, 1, 2),
    LoginRefusedError("ACCESS_TOKEN_EXPIRED"),
    BotRunningError("tgbot resolve"),
    SessionDamagedError(PATH, "malformed"),
    SessionTooNewError(PATH, 9, 8),
    SessionInUseError(PATH, 4242),
    RegistryDamagedError(PATH, "malformed"),
    RegistryTooNewError(PATH, 9, 1),
    RegistryTooOldError(PATH, 0, 1),
    NeverRunError(PATH),
    StorageFullError(PATH),
    StorageFailedError(PATH, "disk I/O error"),
    UnknownFormError(PATH),
    NobodysSessionError(PATH),
    OwnFileError(PATH),
    ExportExistsError(PATH),
    BotUnknownError(),
    LinkError("'x'", "no link"),
    TextError(PATH, "not Fluent"),
    NameNotFoundError("ann"),
    NeverMetError(5, ["session", "access hash 0"]),
    HiddenForwardError(),
    BudgetSpentError("ann", 200),
]
CLASSES = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, TgbotError)]
ABSTRACT = {"TgbotError", "StorageError", "ResolveError"}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_a_sentence_with_the_facts_in_it(error: TgbotError) -> None:
    text = str(error)
    assert not re.search(r"\{\w*\}", text)
    assert len(text) > 8
    assert error.exit_status in (1, 2)


def test_every_error_has_an_example_here() -> None:
    assert {type(error) for error in EXAMPLES} == {c for c in CLASSES if c.__name__ not in ABSTRACT}


def test_the_tree_in_the_module_s_docstring_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn: dict[str, str] = {}
    above = ["TgbotError"]
    for line in errors.__doc__.splitlines():
        match = re.match(r"    ([ │]*)[├└]── (\w+)", line)
        if match:
            depth = len(match[1]) // 4 + 1
            above[depth:] = [match[2]]
            drawn[match[2]] = above[depth - 1]
    assert drawn == {c.__name__: c.__mro__[1].__name__ for c in CLASSES if c is not TgbotError}


def test_the_exit_statuses_in_the_docstring_are_true() -> None:
    assert errors.__doc__ is not None
    for name, status in re.findall(r"(\w+Error)(?: \(\w+\))? +(\d)$", errors.__doc__, re.MULTILINE):
        assert getattr(errors, name).exit_status == int(status), name


def test_a_config_error_names_key_value_and_what_was_expected() -> None:
    error = ConfigError("[bot] concurrency", "a number from 1", value="many", source="config.toml")
    assert str(error) == "config.toml: [bot] concurrency = 'many': expected a number from 1."


def test_a_secret_value_is_not_shown() -> None:
    assert HIDDEN in str(ConfigError("[telegram] bot_token", "a token from @BotFather"))


def test_missing_credentials_take_three_lines() -> None:
    lines = str(CredentialsMissingError(["api_id", "api_hash"])).splitlines()
    assert len(lines) == 3
    assert "api_id, api_hash" in lines[0]
    assert "my.telegram.org" in lines[1]
    assert "make demo" in lines[2]


def test_facts_with_braces_are_shown_as_they_are() -> None:
    assert "{x}" in str(StorageFailedError("{x}", "{reason}"))
