"""What can be configured: each section and key, its type, default and limits; all values are frozen."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, InstanceOf, SecretStr

from tgbot.config import values
from tgbot.config.tables import Tables
from tgbot.config.values import Server
from tgbot.core.errors import CredentialsMissingError
from tgbot.core.rates import Rate

#: What the names of our environment variables begin with.
PREFIX = "TGBOT_"


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets a key: TGBOT_ADMINS, TGBOT_LOG_LEVEL."""
    return PREFIX + (key if section in ("telegram", "bot") else f"{section}_{key}").upper()


class Credentials(NamedTuple):
    """What the login of a bot needs; its repr shows nothing."""

    api_id: int
    api_hash: str
    bot_token: str

    def __repr__(self) -> str:
        return "Credentials(…)"


#: The built-in handlers, by their modules in tgbot.handlers, in the order in which they are called.
HANDLERS = (
    *("start", "join_requests", "allowed", "language", "news", "privacy"),
    *("admin", "sweep", "broadcast", "link", "help"),
)


def _handlers(value: object) -> object:
    for name in value if isinstance(value, list | tuple) else ():
        if isinstance(name, str) and name not in HANDLERS:
            near = difflib.get_close_matches(name.lower(), HANDLERS, 1)
            # The name itself is not said: it may be a secret in a wrong place.
            raise ValueError(f"did you mean {near[0]}?" if near else "")
    return value


_MODULE = r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"


def _key(default: object, expected: str, **limits: Any) -> Any:
    """Return a key's declaration; `expected` is what an error says the value should be."""
    return Field(default=default, description=expected, **limits)


#: What the bot tells its admins of by itself.
Alert: TypeAlias = Literal[
    "losses",
    "poison",
    "rights",
    "errors",
    "disk",
    "backup",
    "deafness",
    "readiness",
    "takeover",
    "database",
]
ALERTS: tuple[Alert, ...] = get_args(Alert)

_Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda value: str(value).upper())
]
_Address = Annotated[Server | None, BeforeValidator(values.server)]
_Duration = Annotated[float, BeforeValidator(values.duration)]
_Directory = Annotated[Path, Field(strict=False)]


class _Section(BaseModel):
    """A section of the configuration; each key is declared by `_key`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Telegram(_Section):
    """Credentials of the bot, and the server that it connects to."""

    api_id: Annotated[Annotated[int, Field(gt=0, lt=2**31)] | None, BeforeValidator(values.or_none)] = _key(
        None, "the number that https://my.telegram.org/apps shows as App api_id"
    )
    api_hash: Annotated[SecretStr | None, BeforeValidator(values.api_hash)] = _key(
        None, "the text that https://my.telegram.org/apps shows as App api_hash"
    )
    bot_token: Annotated[SecretStr | None, BeforeValidator(values.token)] = _key(
        None, "a token as @BotFather gives it, digits:letters"
    )
    server: _Address = _key(None, '"host:port" (an IPv6 host in brackets), or "" for Telegram\'s own')
    dc_id: Annotated[Annotated[int, Field(gt=0, lt=1000)] | None, BeforeValidator(values.or_none)] = _key(
        None, "a data centre's number from 1 to 999, or 0 for the server's usual one"
    )
    public_key: Annotated[Path | None, BeforeValidator(values.public_key)] = _key(
        None, 'a PEM file with an RSA public key, or "" for Telegram\'s own'
    )

    proxy: Annotated[SecretStr | None, BeforeValidator(values.proxy)] = _key(
        None, '"socks5://host:port", "http://host:port", with user:password@ before the host, or "" for none'
    )

    @property
    def bot_id(self) -> int | None:
        """The bot's user id, which the token begins with; None without a token."""
        return int(self.bot_token.get_secret_value().partition(":")[0]) if self.bot_token else None

    def public_key_pem(self) -> str | None:
        """Return the server's public key as PKCS#1 PEM text, or None for Telegram's own."""
        return values.pkcs1(self.public_key) if self.public_key else None

    def credentials(self) -> Credentials:
        """Return what the login needs; with `server` set, api_id and api_hash may be missing.

        Raise CredentialsMissingError with the names of the environment variables that would set the rest.
        """
        api_id, api_hash, token = self.api_id, self.api_hash, self.bot_token
        if self.server is not None:
            api_id, api_hash = api_id or 1, api_hash or SecretStr("0" * 32)
        if api_id and api_hash and token:
            return Credentials(api_id, api_hash.get_secret_value(), token.get_secret_value())
        needed = {"api_id": api_id, "api_hash": api_hash, "bot_token": token}
        raise CredentialsMissingError(*(variable("telegram", key) for key in needed if not needed[key]))


class Bot(_Section):
    """How the bot behaves."""

    admins: Annotated[tuple[Annotated[int, Field(gt=0, lt=2**63)], ...], Field(strict=False)] = _key(
        (), "a list of user ids, such as [12345, 67890]"
    )
    plugins: Annotated[tuple[Annotated[str, Field(pattern=_MODULE)], ...], Field(strict=False)] = _key(
        (), 'a list of names of Python modules, such as ["examples.echo"]'
    )
    handlers: Annotated[tuple[str, ...], Field(strict=False), BeforeValidator(_handlers)] = _key(
        HANDLERS, "a list of built-in handlers out of " + ", ".join(HANDLERS)
    )
    keep: Literal["private", "all"] = _key("private", 'one of "private", "all"')
    texts: Annotated[_Directory | None, BeforeValidator(values.or_none)] = _key(
        None, 'the path of a directory, or "" for the bot\'s own texts alone'
    )
    per_user: Annotated[Rate | None, BeforeValidator(values.rate)] = _key(
        None,
        'a number and a time, such as "20/min", "5/s", "100/h" or "500/day", or "" for no limit',
    )
    pace: float = _key(30.0, "a number of messages a second from 1 to 1000", ge=1, le=1000)
    concurrency: int = _key(64, "a whole number from 1 to 10000", ge=1, le=10_000)
    handler_seconds: float = _key(30.0, "a number of seconds above 0, at most 3600", gt=0, le=3600)
    parked: int = _key(10_000, "a whole number from 0 to 1000000", ge=0, le=1_000_000)
    answer_missed: _Duration = _key(
        3600.0,
        'a time of at most 365 days, such as "90s", "30m", "1h" or "2d", or "0" for none',
        le=31_536_000,
    )
    grace_seconds: float = _key(10.0, "a number of seconds from 0 to 3600", ge=0, le=3600)


class Profile(_Section):
    """The bot's profile at Telegram: about, description and command lists."""

    manage: Literal["missing", "always", "never"] = _key("missing", 'one of "missing", "always", "never"')


class JoinRequests(_Section):
    """What the bot does with requests to join a chat where it may add users."""

    approve: Literal["never", "always", "after_start"] = _key(
        "never", 'one of "never", "always", "after_start"'
    )


class Storage(_Section):
    """Where the bot keeps its files, and the database that several machines share, if there is one."""

    directory: Annotated[_Directory, BeforeValidator(values.or_none)] = _key(
        Path("sessions"), "the path of a directory"
    )
    url: Annotated[SecretStr | None, BeforeValidator(values.database)] = _key(
        None, 'an address such as "postgresql://user@host:5432/database", or "" for files'
    )
    node: Annotated[str, BeforeValidator(values.node)] = _key(
        "",
        'a name of at most 64 letters, digits and . _ -, or "" for the name of the machine',
        validate_default=True,
    )
    lease: Annotated[float, BeforeValidator(values.lease)] = _key(
        2.5, 'a time from "1s" to "60s", such as "2.5s"', ge=1, le=60
    )

    @property
    def address(self) -> str:
        """The address of the database, "" for files; it may hold a password."""
        return self.url.get_secret_value() if self.url is not None else ""

    @property
    def session(self) -> Path:
        """The session file."""
        return self.directory / "bot.session"

    @property
    def marks(self) -> Path:
        """The file that tells after a death of the process which update it was handling."""
        return self.directory / "bot.running"

    @property
    def registry(self) -> Path:
        """The registry of users."""
        return self.directory / "users.sqlite"

    @property
    def control(self) -> Path:
        """The socket at which the running bot takes commands."""
        return self.directory / "bot.control"

    @property
    def logins(self) -> Path:
        """The file with the used logins of the login page."""
        return self.directory / "logins.sqlite"


class Login(_Section):
    """The login page with Telegram's widget, and `/healthz`; both are off while `listen` is empty."""

    listen: _Address = _key(None, '"host:port" to listen on, such as "127.0.0.1:8080", or "" for no page')
    site: Annotated[str, BeforeValidator(values.site)] = _key(
        "",
        'the page\'s public address without a path, such as "https://example.com"',
        validate_default=True,  # whether it is required depends on `listen`
    )
    then: Annotated[str, BeforeValidator(values.then)] = _key(
        "", 'an address of your own site, such as "https://example.com/welcome", or "" for none'
    )
    max_age: int = _key(86_400, "a whole number of seconds from 60 to 604800", ge=60, le=604_800)
    widget: Annotated[str, BeforeValidator(values.script)] = _key(
        "https://telegram.org/js/telegram-widget.js?22", "the address of a script"
    )

    @property
    def public(self) -> str:
        """The address that visitors see: `site`, or `listen` if no site is set."""
        return self.site or f"http://{self.listen}"


class Operate(_Section):
    """How the bot tells an operator how it is."""

    listen: _Address = _key(None, '"host:port" to listen on, such as "127.0.0.1:9464", or "" for no pages')
    alerts: Annotated[tuple[Alert, ...], Field(strict=False)] = _key(
        ALERTS, "a list of alerts out of " + ", ".join(ALERTS)
    )
    webhook: Annotated[SecretStr | None, BeforeValidator(values.webhook)] = _key(
        None, 'an address such as "https://example.com/alerts", or "" for none'
    )


class Log(_Section):
    """What the bot logs on standard error."""

    level: _Level = _key("INFO", 'one of "DEBUG", "INFO", "WARNING", "ERROR"')
    levels: Annotated[tuple[tuple[str, _Level], ...], BeforeValidator(values.levels)] = _key(
        (), 'a level for each logger, such as { "tgbot.telegram" = "DEBUG" }'
    )
    format: Literal["human", "json"] = _key("human", 'one of "human", "json"')


class Config(_Section):
    """All settings, frozen; no secret shows in its repr."""

    telegram: Telegram = Telegram()
    bot: Bot = Bot()
    profile: Profile = Profile()
    join_requests: JoinRequests = JoinRequests()
    storage: Storage = Storage()
    login: Login = Login()
    operate: Operate = Operate()
    log: Log = Log()
    #: The settings of plugins, which their own models read.
    plugins: InstanceOf[Tables] = Field(default=Tables(), exclude=True)


#: The sections that the bot itself has, by their names.
MODELS: dict[str, type[_Section]] = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, _Section)
}
