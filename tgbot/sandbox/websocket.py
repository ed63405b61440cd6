"""WebSocket on the port of MTProto, server side and without I/O: the upgrade of HTTP, and frames.

Source: RFC 6455; https://core.telegram.org/mtproto/transports#websocket
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import struct
from hashlib import sha1

#: The methods of HTTP requests that no MTProto transport begins like.
_METHODS = (b"GET ", b"HEAD", b"POST", b"OPTI")
_MAX_HEAD = 8192
#: A larger frame ends the connection.
MAX_FRAME = 4 * 1024 * 1024
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PATH = re.compile(r"/apiws\w*")
#: The first label of the host in the addresses of Telegram's web clients, which names the data centre.
_DATA_CENTRES = {"pluto": 1, "venus": 2, "aurora": 3, "vesta": 4, "flora": 5}
_PROSE = "A Telegram server for MTProto clients. HTTP is only for WebSocket: GET /apiws, subprotocol binary."

_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10


class WebSocketError(Exception):
    """The client breaks the protocol; `reply` is to be written, and the connection is to be closed."""

    def __init__(self, reason: str, reply: bytes) -> None:
        super().__init__(reason)
        self.reply = reply


def is_http(first: bytes) -> bool | None:
    """Return whether a connection that begins so is HTTP; None if more bytes are needed to tell."""
    if len(first) >= 4:
        return first[:4] in _METHODS
    return None if any(method.startswith(first) for method in _METHODS) else False


class WebSocket:
    """One connection: `feed` takes bytes off the wire and returns those that were in binary messages.

    The upgrade comes first. `take` returns what is to be written since the last call: the answer to the
    upgrade, pongs, the end. Both raise nothing but `WebSocketError`, and nothing may be fed after one.
    """

    def __init__(self) -> None:
        self.opened = False
        #: Whether the client has ended the connection.
        self.closed = False
        #: The data centre that the client's address names, None for none.
        self.dc_id: int | None = None
        self._buffer = bytearray()
        self._replies: list[bytes] = []
        #: The opcode of the message whose further frames are to come, 0 for none.
        self._message = 0

    def feed(self, data: bytes) -> bytes:
        """Return the bytes of the binary messages that come in these bytes."""
        if self.closed:
            return b""
        self._buffer += data
        if not self.opened and not self._upgrade():
            return b""
        parts: list[bytes] = []
        while not self.closed and (part := self._frame()) is not None:
            parts.append(part)
        return b"".join(parts)

    def take(self) -> bytes:
        """Return what is to be written now."""
        replies, self._replies = b"".join(self._replies), []
        return replies

    def pack(self, data: bytes) -> bytes:
        """Return a binary message with this data."""
        return _packed(_BINARY, data)

    # The upgrade.

    def _upgrade(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", 0, _MAX_HEAD + 4)
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise _refused(431, "the head of the request is too large")
            return False
        head = bytes(self._buffer[:end])
        del self._buffer[: end + 4]
        request, *lines = head.decode("latin-1").split("\r\n")
        fields: dict[str, str] = {}
        for line in lines:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise _refused(400, "a line of the head is no field")
            name, value = name.lower(), value.strip()
            fields[name] = f"{fields[name]},{value}" if name in fields else value
        self._check(request, fields)
        key = fields["sec-websocket-key"].encode("latin-1")
        accept = base64.b64encode(sha1(key + _GUID).digest()).decode()
        self._replies.append(
            (
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: binary\r\n\r\n"
            ).encode()
        )
        self.opened = True
        return True

    def _check(self, request: str, fields: dict[str, str]) -> None:
        """Raise WebSocketError unless this is an upgrade, from a page or a program of this machine."""
        host = fields.get("host", "")
        # A page of another site would come with that site's name, which was made to lead here.
        if not _is_loopback(host):
            raise _refused(403, "only a loopback address is served: Host names another one")
        origin = fields.get("origin")
        if origin is not None and not _is_loopback(origin.partition("://")[2]):
            raise _refused(403, "only pages of this machine are served: Origin names another one")
        method, _, rest = request.partition(" ")
        path, _, version = rest.partition(" ")
        if not _PATH.fullmatch(path):
            raise _refused(404, "there is nothing at this path")
        if method != "GET" or version != "HTTP/1.1" or "websocket" not in _words(fields.get("upgrade")):
            raise _refused(426, "this is no upgrade to WebSocket")
        if "upgrade" not in _words(fields.get("connection")):
            raise _refused(400, "Connection does not name the upgrade")
        if fields.get("sec-websocket-version") != "13":
            raise _refused(426, "only version 13 of WebSocket is served")
        if not _is_key(fields.get("sec-websocket-key", "")):
            raise _refused(400, "Sec-WebSocket-Key is no key")
        if "binary" not in _words(fields.get("sec-websocket-protocol")):
            raise _refused(400, "the subprotocol binary is not offered")
        self.dc_id = _DATA_CENTRES.get(host.partition(".")[0].lower())

    # Frames.

    def _frame(self) -> bytes | None:
        """Cut a frame and return its binary data; None if it is not complete."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        first, second = buffer[0], buffer[1]
        final, opcode, length, at = bool(first & 0x80), first & 0x0F, second & 0x7F, 2
        if first & 0x70:
            raise _broken(1002, "a reserved bit is set")
        if not second & 0x80:
            raise _broken(1002, "a frame of the client is not masked")
        if opcode >= _CLOSE and (length > 125 or not final):
            raise _broken(1002, "a control frame is too long or fragmented")
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(buffer) < 2 + size:
                return None
            length, at = int.from_bytes(buffer[2 : 2 + size], "big"), 2 + size
        if length > MAX_FRAME:
            raise _broken(1009, "a frame is too large")
        stop = at + 4 + length
        if len(buffer) < stop:
            return None
        data = _masked(bytes(buffer[at + 4 : stop]), bytes(buffer[at : at + 4]))
        del buffer[:stop]
        if opcode >= _CLOSE:
            self._control(opcode, data)
            return b""
        if opcode == _TEXT or opcode > _BINARY:
            raise _broken(1003 if opcode == _TEXT else 1002, "only binary messages are served")
        if (opcode == _CONTINUATION) != bool(self._message):
            raise _broken(1002, "a message begins inside of another one, or goes on before it began")
        self._message = 0 if final else _BINARY
        return data

    def _control(self, opcode: int, data: bytes) -> None:
        if opcode == _PING:
            self._replies.append(_packed(_PONG, data))
        elif opcode == _CLOSE:
            self.closed = True
            self._replies.append(_packed(_CLOSE, data[:2] if len(data) >= 2 else b""))
        elif opcode != _PONG:
            raise _broken(1002, "there is no such control frame")


def _packed(opcode: int, data: bytes) -> bytes:
    length = len(data)
    if length < 126:
        return bytes((0x80 | opcode, length)) + data
    if length < 1 << 16:
        return struct.pack(">BBH", 0x80 | opcode, 126, length) + data
    return struct.pack(">BBQ", 0x80 | opcode, 127, length) + data


def _masked(data: bytes, mask: bytes) -> bytes:
    """Return data with a mask put on or taken off: as one long number, which is quick."""
    length = len(data)
    whole = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole, "big")).to_bytes(length, "big")


def _words(field: str | None) -> list[str]:
    return [word.strip().lower() for word in (field or "").split(",")]


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _is_loopback(host: str) -> bool:
    """Return whether a host with or without a port can only be this machine."""
    match = re.fullmatch(r"(?:\[([^\]]+)\]|([^:\[\]]+))(?::\d{1,5})?", host)
    name = (match[1] or match[2]).lower() if match else ""
    # Browsers look up no name below localhost.
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refused(status: int, reason: str) -> WebSocketError:
    """Return the error of a request that is not upgraded, with an answer in words."""
    text = f"{reason[:1].upper()}{reason[1:]}. {_PROSE}\n"
    head = (
        f"HTTP/1.1 {status} {_STATUS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n"
    )
    if status == 426:
        head += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    return WebSocketError(f"an HTTP request was refused: {reason}", (head + "\r\n" + text).encode())


_STATUS = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    426: "Upgrade Required",
    431: "Request Header Fields Too Large",
}


def _broken(code: int, reason: str) -> WebSocketError:
    """Return the error of a frame that breaks the protocol, with the frame that ends the connection."""
    return WebSocketError(f"WebSocket: {reason}", _packed(_CLOSE, struct.pack(">H", code) + reason.encode()))
