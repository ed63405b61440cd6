"""What can be configured: each section and key, its type, default and limits; all values are frozen."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from tgbot.config.origins import variable
from tgbot.core.errors import CredentialsMissingError

#: Hosts of this machine, as an address names them.
LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


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


def _server(value: object) -> object:
    if value == "":
        return None
    match = _text(value, r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/\[\]@]+)):([0-9]{1,5})")
    if not 0 < int(match[3]) < 65536:
        raise ValueError
    return Server(match[1] or match[2], int(match[3]))


def _site(value: object) -> object:
    if value == "":
        return value
    match = _text(value, r"((https?)://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?)/*")
    if match[2] == "http" and match[3] not in LOOPBACK:
        raise ValueError("http is allowed on this machine only: anybody on the way could read a login")
    return match[1].lower()


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


_MODULE = r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"


class _Section(BaseModel):
    """A section of the configuration; an error shows a field's description as what was expected."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Telegram(_Section):
    """Credentials of the bot, and the server that it connects to."""

    api_id: Annotated[Annotated[int, Field(gt=0, lt=2**31)] | None, BeforeValidator(_or_none)] = Field(
        default=None, description="the number that https://my.telegram.org/apps shows as App api_id"
    )
    api_hash: Annotated[SecretStr | None, BeforeValidator(_api_hash)] = Field(
        default=None, description="the text that https://my.telegram.org/apps shows as App api_hash"
    )
    bot_token: Annotated[SecretStr | None, BeforeValidator(_token)] = Field(
        default=None, description="a token as @BotFather gives it, digits:letters"
    )
    server: Annotated[Server | None, BeforeValidator(_server)] = Field(
        default=None, description='"host:port" (an IPv6 host in brackets), or "" for Telegram\'s own'
    )
    dc_id: Annotated[Annotated[int, Field(gt=0, lt=1000)] | None, BeforeValidator(_or_none)] = Field(
        default=None, description="a data centre's number from 1 to 999, or 0 for the server's usual one"
    )
    public_key: Annotated[Path | None, BeforeValidator(_public_key)] = Field(
        default=None, description='a PEM file with an RSA public key, or "" for Telegram\'s own'
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

    admins: Annotated[tuple[Annotated[int, Field(gt=0, lt=2**63)], ...], Field(strict=False)] = Field(
        default=(), description="a list of user ids, such as [12345, 67890]"
    )
    plugins: Annotated[tuple[Annotated[str, Field(pattern=_MODULE)], ...], Field(strict=False)] = Field(
        default=(), description='a list of names of Python modules, such as ["examples.echo"]'
    )
    texts: Annotated[Path | None, Field(strict=False), BeforeValidator(_or_none)] = Field(
        default=None, description='the path of a directory, or "" for the bot\'s own texts alone'
    )
    concurrency: int = Field(default=64, ge=1, le=10_000, description="a whole number from 1 to 10000")
    handler_seconds: float = Field(
        default=30.0, gt=0, le=3600, description="a number of seconds above 0, at most 3600"
    )
    grace_seconds: float = Field(
        default=10.0, ge=0, le=3600, description="a number of seconds from 0 to 3600"
    )


class JoinRequests(_Section):
    """What the bot does with requests to join a chat where it may add users."""

    approve: Literal["never", "always", "after_start"] = Field(
        default="never", description='one of "never", "always", "after_start"'
    )


class Storage(_Section):
    """Where the bot keeps its files."""

    directory: Annotated[Path, Field(strict=False), BeforeValidator(_or_none)] = Field(
        default=Path("sessions"), description="the path of a directory"
    )

    @property
    def session(self) -> Path:
        """The session file."""
        return self.directory / "bot.session"

    @property
    def registry(self) -> Path:
        """The registry of users."""
        return self.directory / "users.sqlite"

    @property
    def logins(self) -> Path:
        """The file with the used logins of the login page."""
        return self.directory / "logins.sqlite"


class Login(_Section):
    """The login page with Telegram's widget, and `/healthz`; both are off while `listen` is empty."""

    listen: Annotated[Server | None, BeforeValidator(_server)] = Field(
        default=None, description='"host:port" to listen on, such as "127.0.0.1:8080", or "" for no page'
    )
    site: Annotated[str, BeforeValidator(_site)] = Field(
        default="", description='the page\'s public address without a path, such as "https://example.com"'
    )
    max_age: int = Field(
        default=86_400, ge=60, le=604_800, description="a whole number of seconds from 60 to 604800"
    )
    widget: Annotated[str, BeforeValidator(_script)] = Field(
        default="https://telegram.org/js/telegram-widget.js?22", description="the address of a script"
    )

    @property
    def public(self) -> str:
        """The address that visitors see: `site`, or `listen` if no site is set."""
        return self.site or f"http://{self.listen}"


class Log(_Section):
    """What the bot logs on standard error."""

    level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(lambda value: str(value).upper())
    ] = Field(default="INFO", description='one of "DEBUG", "INFO", "WARNING", "ERROR"')


class Config(_Section):
    """All settings, frozen; no secret shows in its repr."""

    telegram: Telegram = Telegram()
    bot: Bot = Bot()
    join_requests: JoinRequests = JoinRequests()
    storage: Storage = Storage()
    login: Login = Login()
    log: Log = Log()
