"""Constructor ids and TL strings of MTProto's own messages, for the modules that do without Telethon.

Source: https://core.telegram.org/mtproto/TL-formal, /mtproto/service_messages
"""

from typing import Final

MSG_CONTAINER: Final = 0x73F1F8DC
GZIP_PACKED: Final = 0x3072CFA1
VECTOR: Final = 0x1CB5C415
MSGS_ACK: Final = 0x62D6B459


def tl_bytes(data: bytes) -> bytes:
    """Return the TL form of a string or of bytes: length, data, padding to four bytes."""
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    return head + data + bytes(-(len(head) + len(data)) % 4)


def tl_number(number: int) -> bytes:
    """Return the TL form of a number as a string of big-endian bytes."""
    return tl_bytes(number.to_bytes((number.bit_length() + 7) // 8, "big"))
