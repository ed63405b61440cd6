"""What can be configured: each section and key, its type, default and limits; all values are frozen."""

from __future__ import annotations

import difflib
import re
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo

from tgbot.core.durations import seconds_of
from tgbot.core.errors import CredentialsMissingError

#: What the names of our environment variables begin with.
PREFIX = "TGBOT_"


def variable(section: str, key: str) -> str:
    """Return the name of the environment variable that sets a key: TGBOT_ADMINS, TGBOT_LOG_LEVEL."""
    return PREFIX + (key if section in ("telegram", "bot") else f"{section}_{key}").upper()


class Server(NamedTuple):
    """An address; as text `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Credentials(NamedTuple):
    """What the login of a bot needs; its repr shows nothing."""

    api_id: int
    api_hash: str
    bot_token: str

    def __repr__(self) -> str:
        return "Credentials(…)"


def _or_none(value: object) -> object:
    """Return None for empty text and 0, which stand for "not set" in TOML."""
    return None if value in ("", 0) and value is not False else value


def _text(value: object, pattern: str) -> re.Match[str]:
    """Return the match of the whole text, raise ValueError for other text and for what is not text."""
    match = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return match


def _token(value: object) -> object:
    return _or_none(value) and _text(value, r"[1-9][0-9]{0,18}:[A-Za-z0-9_-]+")[0]


def _api_hash(value: object) -> object:
    return _or_none(value) and _text(value, r"[!-~]+")[0]


def _proxy(value: object) -> object:
    if value == "":
        return None
    match = _text(value, r"(?:socks5|http)://(?:[!-~]+@)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]@]+):([0-9]{1,5})/?")
    if not 0 < int(match[2]) < 65536:
        raise ValueError
    return match[0].rstrip("/")


def _server(value: object) -> object:
    if value == "":
        return None
    match = _text(value, r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/\[\]@]+)):([0-9]{1,5})")
    if not 0 < int(match[3]) < 65536:
        raise ValueError
    return Server(match[1] or match[2], int(match[3]))


#: Scheme and host of an address on the web, and its port.
_ORIGIN = r"((https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?)"


def _site(value: object, others: ValidationInfo) -> object:
    if value == "":
        listen = others.data.get("listen")
        if listen is not None and not _is_loopback(listen.host):
            raise ValueError(
                f'listen = "{listen}" is not for this machine alone: name the address that visitors open, or'
                " listen on 127.0.0.1"
            )
        return value
    match = _text(value, rf"{_ORIGIN}/*")
    _check_host(match[2], match[3])
    return match[1].lower()


def _then(value: object) -> object:
    if value == "":
        return value
    match = _text(value, rf"{_ORIGIN}([/?](?:(?!#)[!-~])*)?")
    _check_host(match[2], match[3])
    return match[1].lower() + (match[4] or "")


def _webhook(value: object) -> object:
    if value == "":
        return None
    return _text(value, rf"{_ORIGIN}([/?](?:(?!#)[!-~])*)?")[0]


def _duration(value: object) -> object:
    """Return the seconds of a text such as "1h", 0 for "0" and 0."""
    if value in ("0", 0) and value is not False:
        return 0.0
    return float(seconds_of(_text(value, r"[0-9]{1,9}[smhdw]")[0]))


def _levels(value: object) -> object:
    """Return (logger, level) pairs of a table, or of a list of texts such as "tgbot.telegram=DEBUG"."""
    if isinstance(value, list):
        return tuple(tuple(str(one).split("=", 1)) for one in value)
    return tuple(value.items()) if isinstance(value, dict) else value


def _check_host(scheme: str, host: str) -> None:
    """Raise ValueError for an address on the web that a login may not be sent to."""
    bare = host.strip("[]")
    address = _ip_address(bare)
    if address is not None and address.is_unspecified:
        raise ValueError("no browser can open it")
    if scheme == "http" and not _is_loopback(bare):
        raise ValueError("http is allowed on this machine only: anybody on the way could read a login")


def _is_loopback(host: str) -> bool:
    """Return whether a host is this machine and no other can reach it; an IPv6 host has no brackets."""
    address = _ip_address(host)
    if address is not None:
        return address.is_loopback
    return re.fullmatch(r"(?:.+\.)?localhost", host, re.IGNORECASE) is not None


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is, None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _script(value: object) -> object:
    # It becomes part of the header Content-Security-Policy: it must not end a directive there.
    return _text(value, r"https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9/._?=&-]*")[0]


def _public_key(value: object) -> object:
    if value == "":
        return None
    path = Path(_text(value, r"(?s:.+)")[0])
    try:
        _pkcs1(path)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    return path


def _pkcs1(path: Path) -> str:
    """Return the RSA public key of a PEM file as PKCS#1 PEM text; raise ValueError if there is none."""
    # Imported here: few bots use another server than Telegram's, and the import takes 30 ms.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    key = None
    with suppress(ValueError, UnsupportedAlgorithm):
        key = load_pem_public_key(path.read_bytes())
    if not isinstance(key, RSAPublicKey):
        raise ValueError("the file has no such key")  # noqa: TRY004 - the file's content is wrong
    return key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


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
Alert: TypeAlias = Literal["losses", "poison", "rights", "errors", "disk", "backup", "deafness", "readiness"]
ALERTS: tuple[Alert, ...] = get_args(Alert)

_Level = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda value: str(value).upper())
]
_Address = Annotated[Server | None, BeforeValidator(_server)]
_Duration = Annotated[float, BeforeValidator(_duration)]
_Directory = Annotated[Path, Field(strict=False)]


class _Section(BaseModel):
    """A section of the configuration; each key is declared by `_key`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Telegram(_Section):
    """Credentials of the bot, and the server that it connects to."""

    api_id: Annotated[Annotated[int, Field(gt=0, lt=2**31)] | None, BeforeValidator(_or_none)] = _key(
        None, "the number that https://my.telegram.org/apps shows as App api_id"
    )
    api_hash: Annotated[SecretStr | None, BeforeValidator(_api_hash)] = _key(
        None, "the text that https://my.telegram.org/apps shows as App api_hash"
    )
    bot_token: Annotated[SecretStr | None, BeforeValidator(_token)] = _key(
        None, "a token as @BotFather gives it, digits:letters"
    )
    server: _Address = _key(None, '"host:port" (an IPv6 host in brackets), or "" for Telegram\'s own')
    dc_id: Annotated[Annotated[int, Field(gt=0, lt=1000)] | None, BeforeValidator(_or_none)] = _key(
        None, "a data centre's number from 1 to 999, or 0 for the server's usual one"
    )
    public_key: Annotated[Path | None, BeforeValidator(_public_key)] = _key(
        None, 'a PEM file with an RSA public key, or "" for Telegram\'s own'
    )

    proxy: Annotated[SecretStr | None, BeforeValidator(_proxy)] = _key(
        None, '"socks5://host:port", "http://host:port", with user:password@ before the host, or "" for none'
    )

    @property
    def bot_id(self) -> int | None:
        """The bot's user id, which the token begins with; None without a token."""
        return int(self.bot_token.get_secret_value().partition(":")[0]) if self.bot_token else None

    def public_key_pem(self) -> str | None:
        """Return the server's public key as PKCS#1 PEM text, or None for Telegram's own."""
        return _pkcs1(self.public_key) if self.public_key else None

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
    texts: Annotated[_Directory | None, BeforeValidator(_or_none)] = _key(
        None, 'the path of a directory, or "" for the bot\'s own texts alone'
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
    """Where the bot keeps its files."""

    directory: Annotated[_Directory, BeforeValidator(_or_none)] = _key(
        Path("sessions"), "the path of a directory"
    )

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
    site: Annotated[str, BeforeValidator(_site)] = _key(
        "",
        'the page\'s public address without a path, such as "https://example.com"',
        validate_default=True,  # whether it is required depends on `listen`
    )
    then: Annotated[str, BeforeValidator(_then)] = _key(
        "", 'an address of your own site, such as "https://example.com/welcome", or "" for none'
    )
    max_age: int = _key(86_400, "a whole number of seconds from 60 to 604800", ge=60, le=604_800)
    widget: Annotated[str, BeforeValidator(_script)] = _key(
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
    webhook: Annotated[SecretStr | None, BeforeValidator(_webhook)] = _key(
        None, 'an address such as "https://example.com/alerts", or "" for none'
    )


class Log(_Section):
    """What the bot logs on standard error."""

    level: _Level = _key("INFO", 'one of "DEBUG", "INFO", "WARNING", "ERROR"')
    levels: Annotated[tuple[tuple[str, _Level], ...], BeforeValidator(_levels)] = _key(
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
