"""The bot's configuration: config.toml, secrets.toml and the environment → checked, frozen values.

The environment beats secrets.toml, which beats config.toml, which beats the defaults. A variable is named
`TGBOT_` + the key for the keys of [telegram] and [bot], and `TGBOT_` + section + `_` + key for all others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import PydanticCustomError

from tgbot.config.origins import (
    PREFIX,
    Origin,
    read_environment,
    read_file,
    refuse_secrets_in_git,
    refuse_unknown_names,
)
from tgbot.core.errors import HIDDEN, ConfigError, CredentialsMissingError

DEFAULT_FILE = Path("config.toml")
SECRETS_FILE = "secrets.toml"
#: Sections whose name is left out of the names of their variables.
BARE_SECTIONS = ("telegram", "bot")
#: Keys whose values are never shown and that no file known to git may hold.
SECRET_KEYS = frozenset({("telegram", "api_hash"), ("telegram", "bot_token")})
#: Keys that are paths: a relative one in a file starts at that file's directory.
PATH_KEYS = {"telegram": ("public_key",), "bot": ("texts",), "storage": ("directory",)}
#: Hosts of this machine, as an address names them.
LOOPBACK = ("127.0.0.1", "[::1]", "localhost")


class Server(NamedTuple):
    """Address of a Telegram server; as text `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Credentials(NamedTuple):
    """What a login of a bot needs; never printed as a whole."""

    api_id: int
    api_hash: str
    bot_token: str

    def __repr__(self) -> str:
        return "Credentials(…)"


def _refuse(reason: str = "") -> PydanticCustomError:
    return PydanticCustomError("refused", "{reason}", {"reason": reason})


def _or_none(value: object) -> object:
    """Empty text and 0 stand for "not set" in a file, where there is no null."""
    return None if value in ("", 0) and value is not False else value


def _token(value: object) -> object:
    if isinstance(value, str) and value and not re.fullmatch(r"[1-9][0-9]{0,18}:[A-Za-z0-9_-]+", value):
        raise _refuse()
    return _or_none(value)


def _api_hash(value: object) -> object:
    if isinstance(value, str) and value and not re.fullmatch(r"[!-~]+", value):
        raise _refuse()
    return _or_none(value)


def _server(value: object) -> object:
    if not isinstance(value, str):
        raise _refuse()
    if not value:
        return None
    match = re.fullmatch(
        r"(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%\w+)?)\]|(?P<host>[^\s:/\[\]@]+)):(?P<port>[0-9]{1,5})", value
    )
    if match is None or not 0 < int(match["port"]) < 65536:
        raise _refuse()
    return Server(match["six"] or match["host"], int(match["port"]))


def _site(value: object) -> object:
    if not isinstance(value, str):
        raise _refuse()
    match = re.fullmatch(r"(https?)://(\[[0-9A-Fa-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?", value.rstrip("/"))
    if value and match is None:
        raise _refuse()
    if match is not None and match[1] == "http" and match[2] not in LOOPBACK:
        raise _refuse("http is for this machine alone: a login would be there for all to read")
    return value.rstrip("/").lower()


def _script(value: object) -> object:
    # It becomes part of a header: nothing in it may end a directive there.
    if not isinstance(value, str) or not re.fullmatch(
        r"https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9/._?=&-]*", value
    ):
        raise _refuse()
    return value


def _public_key(value: object) -> object:
    if not isinstance(value, str):
        raise _refuse()
    if not value:
        return None
    path = Path(value)
    try:
        _pkcs1(path)
    except OSError as error:
        raise _refuse(f"it cannot be read: {error.strerror}") from None
    except ValueError:
        raise _refuse("the file holds none") from None
    return path


def _pkcs1(path: Path) -> str:
    """The RSA public key in a PEM file of either form, as PKCS#1 PEM text; ValueError if there is none."""
    # Imported here: only a bot on a server of one's own has a key file, and the import takes 30 ms.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from error
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")  # noqa: TRY004 - the file's content is wrong, not the caller's type
    return key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


def _directory(value: object) -> object:
    if not isinstance(value, str) or not value:
        raise _refuse()
    return Path(value)


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


_MODULE = r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"


class _Section(BaseModel):
    """One section; a field's description is what an error says was expected."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Telegram(_Section):
    """Who the bot is and which server it speaks to."""

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
        """The bot's user id, which a token begins with."""
        return int(self.bot_token.get_secret_value().partition(":")[0]) if self.bot_token else None

    def public_key_pem(self) -> str | None:
        """The server's public key as PKCS#1 PEM text, "BEGIN RSA PUBLIC KEY", whichever form the file has."""
        return _pkcs1(self.public_key) if self.public_key else None

    def credentials(self) -> Credentials:
        """What the login needs; a server of one's own asks for no api_id and api_hash.

        Raises CredentialsMissingError.
        """
        api_id, api_hash = self.api_id, self.api_hash
        if self.server is not None:
            api_id, api_hash = api_id or 1, api_hash or SecretStr("0" * 32)
        missing = [
            variable("telegram", key)
            for key, value in (("api_id", api_id), ("api_hash", api_hash), ("bot_token", self.bot_token))
            if value is None
        ]
        if api_id is None or api_hash is None or self.bot_token is None:
            raise CredentialsMissingError(missing)
        return Credentials(api_id, api_hash.get_secret_value(), self.bot_token.get_secret_value())


class Bot(_Section):
    """How the bot behaves."""

    admins: Annotated[tuple[Annotated[int, Field(gt=0, lt=2**63)], ...], Field(strict=False)] = Field(
        default=(), description="a list of user ids, such as [12345, 67890]"
    )
    plugins: Annotated[tuple[Annotated[str, Field(pattern=_MODULE)], ...], Field(strict=False)] = Field(
        default=(), description='a list of names of Python modules, such as ["examples.echo"]'
    )
    texts: Annotated[
        Path | None, BeforeValidator(lambda value: None if value == "" else _directory(value))
    ] = Field(default=None, description='the path of a directory, or "" for the bot\'s own texts alone')
    concurrency: int = Field(default=64, ge=1, le=10_000, description="a whole number from 1 to 10000")
    handler_seconds: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        allow_inf_nan=False,
        description="a number of seconds above 0, at most 3600",
    )
    grace_seconds: float = Field(
        default=10.0, ge=0, le=3600, allow_inf_nan=False, description="a number of seconds from 0 to 3600"
    )


class JoinRequests(_Section):
    """What the bot does with requests to join the chats where it may add users."""

    approve: Literal["never", "always", "after_start"] = Field(
        default="never", description='one of "never", "always", "after_start"'
    )


class Storage(_Section):
    """Where the bot keeps what it must not lose."""

    directory: Annotated[Path, BeforeValidator(_directory)] = Field(
        default=Path("sessions"), description="the path of a directory"
    )

    @property
    def session(self) -> Path:
        """The session's file."""
        return self.directory / "bot.session"

    @property
    def registry(self) -> Path:
        """The registry's file."""
        return self.directory / "users.sqlite"

    @property
    def logins(self) -> Path:
        """The file of the logins that were used on the login page."""
        return self.directory / "logins.sqlite"


class Login(_Section):
    """The login page with Telegram's widget, and `/healthz` beside it; off while `listen` is empty."""

    listen: Annotated[Server | None, BeforeValidator(_server)] = Field(
        default=None,
        description='"host:port" to listen on, such as "127.0.0.1:8080", or "" for no page',
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
        """The address that visitors see: `site`, or where none is set, the one listened on."""
        return self.site or f"http://{self.listen}"


class Log(_Section):
    """What the bot says about itself on standard error."""

    level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        default="INFO", description='one of "DEBUG", "INFO", "WARNING", "ERROR"'
    )


class Config(_Section):
    """All settings, frozen; no secret shows in its repr."""

    telegram: Telegram = Telegram()
    bot: Bot = Bot()
    join_requests: JoinRequests = JoinRequests()
    storage: Storage = Storage()
    login: Login = Login()
    log: Log = Log()


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Reads the file (None: ./config.toml if it exists), secrets.toml beside it and the environment.

    Raises ConfigError, one line about the first thing that is wrong.
    """
    file = path or DEFAULT_FILE
    origins = [read_file(file)] if path is not None or file.exists() else []
    secrets = file.parent / SECRETS_FILE
    if secrets.exists() and not (file.exists() and secrets.samefile(file)):
        origins.append(read_file(secrets))
    origins.append(Origin("environment", _from_environment(environ)))
    known = sections()
    for origin in origins:
        refuse_unknown_names(origin, known)
        refuse_secrets_in_git(origin, SECRET_KEYS, SECRETS_FILE)
    try:
        return Config.model_validate(_merged(origins, file.parent))
    except ValidationError as error:
        raise _explained(error, origins) from None


def sections() -> dict[str, tuple[str, ...]]:
    """Every section with its keys, in the order of config.toml."""
    return {section: tuple(_fields(section)) for section in Config.model_fields}


def variable(section: str, key: str) -> str:
    """The name of the environment variable that sets a key."""
    return PREFIX + (key if section in BARE_SECTIONS else f"{section}_{key}").upper()


def _fields(section: str) -> dict[str, Any]:
    model: Any = Config.model_fields[section].annotation
    return dict(model.model_fields)


def _from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, object]]:
    """The TGBOT_* variables as sections, each value as a file would give it."""
    places = {
        variable(section, key): (section, key) for section, names in sections().items() for key in names
    }
    values: dict[str, dict[str, object]] = {}
    for name, text in read_environment(environ, places).items():
        section, key = places[name]
        values.setdefault(section, {})[key] = _typed(section, key, text)
    return values


def _typed(section: str, key: str, text: str) -> object:
    """The text of a variable as TOML would give it; left as it is where that cannot be."""
    kind = str(_fields(section)[key].annotation)
    parts = [part.strip(" \"'") for part in text.strip("[] ").split(",") if part.strip()]
    try:
        if kind.startswith("tuple["):
            return [int(part) for part in parts] if "int" in kind else parts
        if "int" in kind:
            return int(text)
        if "float" in kind:
            return float(text)
    except ValueError:
        pass
    return text


def _merged(origins: list[Origin], home: Path) -> dict[str, dict[str, object]]:
    """Later origins win, key by key; a relative path starts where it was written, a default at the file."""
    merged: dict[str, dict[str, object]] = {section: {} for section in Config.model_fields}
    merged["storage"]["directory"] = str(home / Storage().directory)
    for origin in origins:
        for section, values in origin.sections.items():
            merged[section] |= values
            for key in PATH_KEYS.get(section, ()):
                if isinstance(path := values.get(key), str) and path:
                    merged[section][key] = str((origin.directory or Path()) / Path(path).expanduser())
    return merged


def _explained(error: ValidationError, origins: list[Origin]) -> ConfigError:
    """The first refusal as one line: where it was written, the key, the value and what was expected."""
    first = error.errors(include_url=False, include_input=False)[0]
    section, key = str(first["loc"][0]), str(first["loc"][1])
    origin = next(origin for origin in reversed(origins) if key in origin.sections.get(section, {}))
    expected = str(_fields(section)[key].description)
    if reason := first.get("ctx", {}).get("reason"):
        expected += f" ({reason})"
    value = HIDDEN if (section, key) in SECRET_KEYS else origin.sections[section][key]
    if value is not HIDDEN and len(repr(value)) > 80:
        value = repr(value)[:79] + "…"
    source = origin.name if origin.directory is not None else variable(section, key)
    return ConfigError(f"[{section}] {key}", expected, value=value, source=source)
