"""How values of the configuration are read; each function raises ValueError for a wrong one."""

from __future__ import annotations

import re
import socket
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationInfo

from tgbot.core.durations import seconds_of
from tgbot.core.rates import Rate


class Server(NamedTuple):
    """An address; as text `host:port`, an IPv6 host in brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def or_none(value: object) -> object:
    """Return None for empty text and 0, which stand for "not set" in TOML."""
    return None if value in ("", 0) and value is not False else value


def _text(value: object, pattern: str) -> re.Match[str]:
    """Return the match of the whole text, raise ValueError for other text and for what is not text."""
    match = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    return match


def token(value: object) -> object:
    return or_none(value) and _text(value, r"[1-9][0-9]{0,18}:[A-Za-z0-9_-]+")[0]


def api_hash(value: object) -> object:
    return or_none(value) and _text(value, r"[!-~]+")[0]


def proxy(value: object) -> object:
    if value == "":
        return None
    match = _text(value, r"(?:socks5|http)://(?:[!-~]+@)?(\[[0-9A-Fa-f:.]+\]|[^\s:/\[\]@]+):([0-9]{1,5})/?")
    if not 0 < int(match[2]) < 65536:
        raise ValueError
    return match[0].rstrip("/")


def server(value: object) -> object:
    if value == "":
        return None
    match = _text(value, r"(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([^\s:/\[\]@]+)):([0-9]{1,5})")
    if not 0 < int(match[3]) < 65536:
        raise ValueError
    return Server(match[1] or match[2], int(match[3]))


#: Scheme and host of an address on the web, and its port.
_ORIGIN = r"((https?)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?)"


def site(value: object, others: ValidationInfo) -> object:
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


def then(value: object) -> object:
    if value == "":
        return value
    match = _text(value, rf"{_ORIGIN}([/?](?:(?!#)[!-~])*)?")
    _check_host(match[2], match[3])
    return match[1].lower() + (match[4] or "")


def webhook(value: object) -> object:
    if value == "":
        return None
    return _text(value, rf"{_ORIGIN}([/?](?:(?!#)[!-~])*)?")[0]


def duration(value: object) -> object:
    """Return the seconds of a text such as "1h", 0 for "0" and 0."""
    if value in ("0", 0) and value is not False:
        return 0.0
    return float(seconds_of(_text(value, r"[0-9]{1,9}[smhdw]")[0]))


def lease(value: object) -> object:
    """Return the seconds of a text such as "2.5s" or "1m"."""
    parts = _text(value, r"([0-9]{1,3}(?:\.[0-9]{1,3})?)s|1m")
    return float(parts[1] or 60)


def database(value: object) -> object:
    """Return the address of a PostgreSQL database, None for ""; the start checks the rest of it."""
    if value == "":
        return None
    if re.match(r"postgres(?:ql)?://[^?@]*[@/][^?]*@", _text(value, ".*")[0]):
        raise ValueError("write @ and / in a password as %40 and %2F")
    match = _text(value, r"postgres(?:ql)?://[!-.0->@-~]*(?:/([!-.0->@-~]*))?(\?[!-~]*)?")
    if not match[1] and "dbname=" not in (match[2] or ""):
        raise ValueError("it names no database")
    return match[0]


def node(value: object) -> object:
    """Return the name of a node; "" stands for the name of this machine."""
    if value == "":
        return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64] or "node"
    return _text(value, r"[A-Za-z0-9._-]{1,64}")[0]


def rate(value: object) -> object:
    """Return the Rate of a text such as "20/min", None for ""."""
    return None if value == "" else Rate.of(_text(value, r"[!-~]+")[0])


def levels(value: object) -> object:
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


def script(value: object) -> object:
    # It becomes part of the header Content-Security-Policy: it must not end a directive there.
    return _text(value, r"https?://[A-Za-z0-9.:\[\]-]+/[A-Za-z0-9/._?=&-]*")[0]


def public_key(value: object) -> object:
    if value == "":
        return None
    path = Path(_text(value, r"(?s:.+)")[0])
    try:
        pkcs1(path)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    return path


def pkcs1(path: Path) -> str:
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
