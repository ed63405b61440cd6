"""A client that writes and reads single MTProto messages, for what Telethon hides."""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from telethon.crypto import AES
from telethon.extensions import BinaryReader
from telethon.network.mtprotostate import MTProtoState
from telethon.tl import functions, types

from tests.patience import PATIENCE
from tgbot.sandbox.server import Sandbox

SHORT_MESSAGE = struct.pack("<I", types.UpdateShortMessage.CONSTRUCTOR_ID)


class RawClient:
    """A session with the auth key of a Telethon client, in which a test writes and reads each message."""

    def __init__(self, client: Any, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.state = MTProtoState(client.session.auth_key, loggers=_NoLoggers())
        self.state.salt = client._sender._state.salt
        #: The texts of all messages in updates.
        self.texts: list[str] = []

    def send(self, body: Any, *, content: bool = True, msg_id: int | None = None) -> int:
        msg_id = msg_id or self.state._get_new_msg_id()
        data = bytes(body)
        head = struct.pack("<qii", msg_id, self.state._get_seq_no(content), len(data))
        payload = self.state.encrypt_message_data(head + data)
        self.writer.write(struct.pack("<i", len(payload)) + payload)
        return msg_id

    async def payload(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            length = struct.unpack("<i", await self.reader.readexactly(4))[0]
            return await self.reader.readexactly(length)

    async def receive(self) -> list[tuple[int, bytes]]:
        """Return (msg_id, body) of each message in the next packet."""
        messages = await self._open()
        for _, body in messages:
            if body[:4] == struct.pack("<I", types.Updates.CONSTRUCTOR_ID):
                found = BinaryReader(body).tgread_object().updates
                self.texts += [update.message.message for update in found if hasattr(update, "message")]
            elif body[:4] == SHORT_MESSAGE:
                self.texts.append(BinaryReader(body).tgread_object().message)
        return messages

    async def _open(self) -> list[tuple[int, bytes]]:
        payload = await self.payload()
        aes = MTProtoState._calc_key(self.state.auth_key.key, payload[8:24], False)
        plain = AES.decrypt_ige(payload[24:], *aes)
        assert struct.unpack_from("<q", plain, 8)[0] == self.state.id
        msg_id, _, length = struct.unpack_from("<qii", plain, 16)
        body = plain[32 : 32 + length]
        if body[:4] != struct.pack("<I", 0x73F1F8DC):
            return [(msg_id, body)]
        messages, at = [], 8
        while at < len(body):
            inner_id, _, size = struct.unpack_from("<qii", body, at)
            messages.append((inner_id, body[at + 16 : at + 16 + size]))
            at += 16 + size
        return messages

    async def pts(self, count: int) -> list[int]:
        """Return the pts of the next `count` results of sendMessage and updates, in order."""
        pts: list[int] = []
        while len(pts) < count:
            for _, body in await self.receive():
                if body[12:16] == struct.pack("<I", types.UpdateShortSentMessage.CONSTRUCTOR_ID):
                    pts.append(BinaryReader(body[12:]).tgread_object().pts)
                elif body[:4] == struct.pack("<I", types.Updates.CONSTRUCTOR_ID):
                    pts += [update.pts for update in BinaryReader(body).tgread_object().updates]
                elif body[:4] == SHORT_MESSAGE:
                    pts.append(BinaryReader(body).tgread_object().pts)
        return pts

    async def until(self, kind: Any) -> Any:
        """Return the next message of this class."""
        while True:
            for _, body in await self.receive():
                if body[:4] == struct.pack("<I", kind.CONSTRUCTOR_ID):
                    return BinaryReader(body).tgread_object()

    async def result(self, msg_id: int) -> Any:
        while True:
            for _, body in await self.receive():
                if body[:12] == struct.pack("<Iq", 0xF35C6D01, msg_id):
                    reader = BinaryReader(body[12:])
                    is_list = body[12:16] == struct.pack("<I", 0x1CB5C415)
                    return reader.tgread_vector() if is_list else reader.tgread_object()


class _NoLoggers(dict[str, Any]):
    def __missing__(self, key: str) -> logging.Logger:
        return logging.getLogger("test")


@asynccontextmanager
async def raw(
    sandbox: Sandbox, client: Any, session_id: int | None = None, *, dc_id: int = 2
) -> AsyncIterator[RawClient]:
    reader, writer = await asyncio.open_connection(sandbox.host, sandbox.dcs[dc_id].port)
    writer.write(b"\xee" * 4)
    try:
        raw_client = RawClient(client, reader, writer)
        if session_id is not None:
            raw_client.state.id = session_id
        yield raw_client
    finally:
        writer.close()
        # Some tests make the server close the connection.
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


SELF = types.InputUserSelf()


def layered(request: Any) -> Any:
    init = functions.InitConnectionRequest(1, "test", "1", "1", "en", "", "en", request)
    return functions.InvokeWithLayerRequest(229, init)
