from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from string import Formatter

import pytest

import tgbot
from tgbot.core import broadcasterrors, errors
from tgbot.core.broadcasterrors import (
    BroadcastStateError,
    BroadcastUnknownError,
    ChartFailedError,
    ChartFormError,
    ChartMissingError,
    ContentError,
    DeletionTooLateError,
    NobodyToWriteToError,
    PriceError,
    ScheduleError,
    SourceError,
    SourceUnreadError,
)
from tgbot.core.errors import (
    AmbiguousIdError,
    ArgumentError,
    BackupTargetError,
    BotAnswerError,
    BotDeafError,
    BotRunsError,
    BotSilentError,
    BotUnknownError,
    BudgetSpentError,
    ConfigError,
    ConfigSourceError,
    CredentialsMissingError,
    DurationError,
    ExportExistsError,
    HiddenForwardError,
    InvitationError,
    JobRunsError,
    JobUnknownError,
    LeaseLostError,
    LinkError,
    LoggerUnknownError,
    LoginRefusedError,
    NameNotFoundError,
    NeverMetError,
    NeverRunError,
    NobodysSessionError,
    NoBotRunsError,
    NoSuchColumnError,
    NoSweepError,
    NotParkedError,
    NotTelegramError,
    OwnFileError,
    PartEndedError,
    PhoneNumberError,
    PluginError,
    PrivateLoggerError,
    RegistryDamagedError,
    RegistryTooNewError,
    RegistryTooOldError,
    RestoreError,
    ServiceUserError,
    SessionDamagedError,
    SessionInUseError,
    SessionTooNewError,
    StorageFailedError,
    StorageFullError,
    StorageGoneError,
    StorageLockedError,
    StorageUnreachableError,
    SweepOpenError,
    TelegramRefusedError,
    TextError,
    TgbotError,
    UnitExistsError,
    UnitMissingError,
    UnknownFormError,
    UserUnknownError,
    WrongBotError,
)
from tgbot.core.secrets import HIDDEN

PATH = Path("sessions/bot.session")
HERE = str(PATH)
#: An error of each class, the facts that its message shows, and what it tells a person to do.
EXAMPLES: list[tuple[TgbotError, tuple[str, ...], str]] = [
    (
        ConfigError("[bot] admins", "a list of user ids", value="me", source="config.toml"),
        ("config.toml", "[bot] admins", "'me'"),
        "expected a list of user ids",
    ),
    (
        ConfigSourceError("config.toml", "it is not UTF-8 text"),
        ("config.toml",),
        "it is not UTF-8 text",
    ),
    (
        ConfigSourceError("config.toml", "there is no key x in [bot]; did you mean y?"),
        ("config.toml", "x in [bot]"),
        "did you mean y?",
    ),
    (
        CredentialsMissingError("TGBOT_API_ID", "TGBOT_BOT_TOKEN"),
        ("TGBOT_API_ID, TGBOT_BOT_TOKEN", "https://my.telegram.org", "@BotFather"),
        "Set them in the environment, or write them to secrets.toml",
    ),
    (
        PluginError("my_plugin", "it has no function register"),
        ("my_plugin", "it has no function register", "register(client, *, users"),
        "correct it, or remove it from [bot] plugins",
    ),
    (WrongBotError(PATH, 1, 2), (HERE, "belongs to bot 1", "the token to bot 2"), "set the token of bot 1"),
    (
        LoginRefusedError("ACCESS_TOKEN_EXPIRED"),
        ("ACCESS_TOKEN_EXPIRED", "@BotFather"),
        "set its current token as TGBOT_BOT_TOKEN",
    ),
    (
        LoginRefusedError("API_ID_INVALID"),
        ("API_ID_INVALID", "https://my.telegram.org/apps"),
        "set TGBOT_API_ID and TGBOT_API_HASH",
    ),
    (
        NotTelegramError("1.2.3.4:443", "InvalidBufferError"),
        ("at 1.2.3.4:443", "(InvalidBufferError)"),
        "set [telegram] proxy",
    ),
    (BotDeafError(Path("s"), Path("c"), 7), ("(pid 7)", "at c"), "Try again in a moment"),
    (BotRunsError(PATH, 7), (HERE, "(pid 7)"), "stop it first"),
    (NoBotRunsError(PATH), (HERE,), "start it (tgbot run)"),
    (ArgumentError("key", "Field required"), ("key: Field required",), "docs/control.md"),
    (UserUnknownError(7), ("never met 7",), ""),
    (LoggerUnknownError("tgbt"), ("tgbt",), "name a module of the bot"),
    (PrivateLoggerError("telethon"), ("telethon",), "give it WARNING or ERROR"),
    (BotSilentError(PATH, "timed out"), (HERE, "timed out"), "Run this as the user that the bot runs as"),
    (BotAnswerError("It is raining: wait.", 3), ("It is raining",), "wait"),
    (BroadcastUnknownError(7), ("no broadcast 7",), '"tgbot broadcast list" shows all of them'),
    (
        BroadcastStateError(7, "done", "paused", "make a new one"),
        ("7 is done", "be paused"),
        "make a new one",
    ),
    (NobodyToWriteToError(7), ("7 has no recipients",), '"tgbot broadcast plan 7" shows who is left out'),
    (DeletionTooLateError(7), ("Broadcast 7", "48 hours"), "It can still be edited"),
    (PriceError(7, 90, 30), ("7 may cost up to 90 stars", "30 deliveries"), "start it with --stars 90"),
    (ContentError("the text is empty", "write one"), ("the text is empty",), "To go on, write one"),
    (SourceError(5, -100, "it is empty"), ("Message 5 of chat -100", "empty"), "Name another message"),
    (SourceUnreadError(7), ("Broadcast 7", "only the running bot can read"), "start the bot (tgbot run)"),
    (
        ScheduleError("The end", "in the past"),
        ("The end of the broadcast is in the past",),
        "give a later time",
    ),
    (ChartMissingError(), (), "pip install 'tgbot[chart]'"),
    (ChartFormError(Path("a.jpg")), ("a.jpg",), "a name that ends in .png or .svg"),
    (ChartFailedError("status 1"), ("status 1",), "the same numbers as JSON"),
    (JobRunsError("shop.daily"), ("shop.daily", "running now"), "when it is over"),
    (JobUnknownError("dail", " (did you mean shop.daily?)"), ("dail (did you mean",), '"tgbot jobs list"'),
    (NotParkedError("m1:5", "m1:6"), ("one of the keys m1:5, m1:6",), '"tgbot parked list" shows all keys'),
    (DurationError("a week"), ("'a week'",), "such as 12h or 7d"),
    (SweepOpenError("running"), ("is running",), "--cancel ends it"),
    (NoSweepError("is paused"), ("No sweep is paused",), '"tgbot users check" begins one'),
    (
        SessionDamagedError(PATH, "malformed"),
        (HERE, "malformed", "left as it is"),
        "Put a backup in its place",
    ),
    (SessionTooNewError(PATH, 9, 8), (HERE, "version 9", "up to 8"), "update the program"),
    (SessionInUseError(PATH, 4242), (HERE, "(pid 4242)"), "Stop that process"),
    (SessionInUseError(PATH), (HERE, "another process: "), "its own directory ([storage] directory)"),
    (RegistryDamagedError(PATH, "malformed"), (HERE, "malformed"), f"sqlite3 {PATH} .recover"),
    (RegistryTooNewError(PATH, 9, 1), (HERE, "schema 9", "up to 1"), "update the program"),
    (RegistryTooOldError(PATH, 0, 1), (HERE, "schema 0", "schema 1"), "start the bot once (tgbot run)"),
    (NeverRunError(PATH), (HERE,), "Start it (tgbot run), or name the configuration"),
    (StorageGoneError(PATH), (HERE, "deleted or replaced"), "back from a backup"),
    (StorageLockedError(PATH, "pid 7 (cp)"), (HERE, "pid 7 (cp)"), "end that program"),
    (StorageFullError(PATH), (HERE,), "make room on that disk and start the bot again"),
    (StorageFailedError(PATH, "disk I/O error"), (HERE, "disk I/O error"), "check the disk"),
    (StorageUnreachableError(PATH, "no route"), (HERE, "no route"), "check that it runs, the address"),
    (LeaseLostError(PATH), (HERE, "Another node leads"), "See: tgbot nodes"),
    (PartEndedError("Watch.run"), ("Watch.run",), "Start the bot again"),
    (UnknownFormError(PATH), (HERE,), "expected a Telethon session, JSON"),
    (AmbiguousIdError(PATH, "a and b"), (HERE, "a and b"), "--id COLUMN"),
    (NoSuchColumnError(PATH, "x", "a, b"), (HERE, "x", "a, b"), "only a, b"),
    (NobodysSessionError(PATH), (HERE,), "add --same-bot"),
    (OwnFileError(PATH), (HERE,), "name another file"),
    (BackupTargetError(PATH, "it is a file", "name a directory"), (HERE, "it is a file"), "name a directory"),
    (ExportExistsError(PATH), (HERE,), "name another file"),
    (RestoreError(PATH, "it has no a", "name a directory"), (HERE, "it has no a"), "name a directory"),
    (UnitExistsError(PATH, "bot.service"), (HERE, "bot.service"), "add --force"),
    (UnitMissingError("bot.service"), ("bot.service",), "tgbot service install"),
    (ServiceUserError("root", "why", PATH), ("as root", "why"), "--run-as tgbot"),
    (TelegramRefusedError("CHAT_FORBIDDEN"), ("CHAT_FORBIDDEN",), "https://core.telegram.org/api/errors"),
    (BotUnknownError(), (), "give it with --bot NAME"),
    (LinkError("'x y'", "there is a space in it"), ("'x y'",), "there is a space in it"),
    (PhoneNumberError("'+7 999'"), ("'+7 999'", "a phone number"), "Ask for their @name or id"),
    (InvitationError("'t.me/+x'"), ("'t.me/+x'", "an invitation"), "Ask for the @name or id"),
    (TextError(PATH, "not Fluent"), (HERE, "not Fluent"), "Correct them, or change [bot] texts"),
    (NameNotFoundError("ann", "Telegram was asked"), ("@ann",), "Telegram was asked"),
    (NeverMetError(5, "session, access hash 0"), ("5", "session, access hash 0"), "Ask for their @name"),
    (HiddenForwardError(), (), "Ask for their @name or id"),
    (BudgetSpentError("ann", 200), ("@ann", "200"), "ask again tomorrow"),
]
CLASSES = {
    c
    for module in (errors, broadcasterrors)
    for _, c in inspect.getmembers(module, inspect.isclass)
    if issubclass(c, TgbotError)
}
ABSTRACT = {"TgbotError", "WrongUsageError", "StorageError", "ResolveError"}


@pytest.mark.parametrize(
    ("error", "facts", "advice"), EXAMPLES, ids=[type(error).__name__ for error, *_ in EXAMPLES]
)
def test_an_error_says_what_is_wrong_where_and_what_to_do(
    error: TgbotError, facts: tuple[str, ...], advice: str
) -> None:
    text = str(error)
    for part in (*facts, advice):
        assert part in text
    assert not re.search(r"\{\w*\}", text), "a fact was not put in"
    assert not re.search(r"  |: *$|, *$|[.?][.?]$|None", text), "it does not read as a sentence"
    if not isinstance(error, CredentialsMissingError):
        assert "\n" not in text


def test_every_error_has_an_example_here() -> None:
    assert {type(error) for error, *_ in EXAMPLES} == {c for c in CLASSES if c.__name__ not in ABSTRACT}


def test_the_exit_status_is_1_but_for_wrong_usage_and_for_a_no() -> None:
    statuses = {error.__name__: error.exit_status for error in CLASSES if error.exit_status != 1}
    assert statuses == {
        "WrongUsageError": 2,
        "ArgumentError": 2,
        "ChartFormError": 2,
        "PrivateLoggerError": 2,
        "LoggerUnknownError": 3,
        "NoBotRunsError": 3,
        "UserUnknownError": 3,
        "DurationError": 2,
        "NoSweepError": 3,
        "ConfigError": 2,
        "ConfigSourceError": 2,
        "CredentialsMissingError": 2,
        "PluginError": 2,
        "ServiceUserError": 2,
        "WrongBotError": 2,
        "BotUnknownError": 2,
        "NoSuchColumnError": 2,
        "LinkError": 2,
        "PhoneNumberError": 2,
        "InvitationError": 2,
        "TextError": 2,
        "BroadcastUnknownError": 3,
        "NobodyToWriteToError": 3,
        "SourceUnreadError": 3,
        "ContentError": 2,
        "ScheduleError": 2,
        "NameNotFoundError": 3,
        "NeverMetError": 3,
        "JobUnknownError": 3,
        "NotParkedError": 3,
    }


def test_a_config_error_names_key_value_and_what_was_expected() -> None:
    error = ConfigError("[bot] concurrency", "a number from 1", value="many", source="config.toml")
    assert str(error) == "config.toml: [bot] concurrency = 'many': expected a number from 1."


def test_a_secret_value_is_not_shown() -> None:
    assert HIDDEN in str(ConfigError("[telegram] bot_token", "a token from @BotFather"))


def test_missing_credentials_take_three_lines() -> None:
    lines = str(CredentialsMissingError("TGBOT_API_ID", "TGBOT_API_HASH")).splitlines()
    assert len(lines) == 3
    assert "TGBOT_API_ID, TGBOT_API_HASH" in lines[0]
    assert "my.telegram.org" in lines[1]
    assert "tgbot demo" in lines[2]


def test_facts_with_braces_are_shown_as_they_are() -> None:
    assert "{x}" in str(StorageFailedError("{x}", "{reason}"))


def test_every_error_gets_as_many_facts_as_its_message_names() -> None:
    """The type checker does not count them, because one constructor serves most classes."""
    counts = {
        c.__name__: len({name for _, name, _, _ in Formatter().parse(c.__doc__ or "") if name})
        for c in CLASSES
        if c.__init__ is TgbotError.__init__
    }
    raised = [
        (path, call.func.id, call)
        for path in sorted(Path(str(tgbot.__path__[0])).rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in counts
    ]
    assert len(raised) > len(counts)
    for path, name, call in raised:
        assert len(call.args) == counts[name], f"{path}:{call.lineno}"
        assert not call.keywords, f"{path}:{call.lineno}"
