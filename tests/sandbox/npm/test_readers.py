"""Readers from npm can read what the sandbox encodes for a layer, and it decodes what their writers write."""

from __future__ import annotations

import asyncio
import datetime
import json
import random
import typing
from typing import Any

import pytest
from telethon.tl import TLRequest
from telethon.tl.alltlobjects import tlobjects

from tgbot.sandbox import layers, signatures

from .installation import HERE

pytestmark = [
    pytest.mark.npm,
    pytest.mark.parametrize(("library", "layer"), [("gramjs", 198), ("mtcute", 227)]),
]

#: Types of Telethon that are not in the API schema: key exchange, service messages, configuration.
NOT_API = {
    "AccessPointRule",
    "ConfigSimple",
    "FutureSalts",
    "IpPort",
    "IpPortSecret",
    "PQInnerData",
    "PQInnerDataTemp",
    "ServerDHParamsFail",
}
#: Methods that Telegram has removed since; the sandbox does not have them.
GONE = {
    "channels.createForumTopic",
    "channels.deleteTopicHistory",
    "channels.editCreator",
    "channels.editForumTopic",
    "channels.getForumTopics",
    "channels.getForumTopicsByID",
    "channels.reorderPinnedForumTopics",
    "channels.updatePinnedForumTopic",
    "payments.canPurchasePremium",
    "stats.getBroadcastRevenueStats",
    "stats.getBroadcastRevenueTransactions",
    "stats.getBroadcastRevenueWithdrawalUrl",
    "users.getIsPremiumRequiredToContact",
}
#: Arguments whose meaning has changed; they are left out.
CHANGED = {
    ("account.updateColor", "color"),
    ("account.updateConnectedBot", "can_reply"),
    ("messages.setChatTheme", "emoticon"),
    ("messages.sendPaidReaction", "private"),
    ("messages.togglePaidReactionPrivacy", "private"),
    ("payments.getSavedStarGifts", "exclude_limited"),
}


async def node(script: str, library: str, given: str = "") -> list[str]:
    process = await asyncio.create_subprocess_exec(
        "node",
        str(HERE / script),
        library,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate(given.encode())
    assert process.returncode == 0
    return output.decode().splitlines()


class Instances:
    """Telethon objects with random arguments."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.by_type: dict[int, list[Any]] = {}
        for cls in tlobjects.values():
            if not issubclass(cls, TLRequest):
                self.by_type.setdefault(cls.SUBCLASS_OF_ID, []).append(cls)

    def of(self, cls: Any, share: float, depth: int = 2) -> Any:
        """Return an object of `cls` with this share of its optional arguments."""
        values: dict[str, Any] = {}
        for name, annotation in signatures.arguments(cls).items():
            optional = typing.get_origin(annotation) is typing.Union
            # Telethon marks all dates as optional.
            left_out = optional and self.random.random() >= share if depth > -2 else optional
            dated = signatures.plain_annotation(annotation) is datetime.datetime
            values[name] = None if left_out and not dated else self._value(annotation, share, depth)
        return cls(**values)

    def _value(self, annotation: Any, share: float, depth: int) -> Any:
        plain = signatures.plain_annotation(annotation)
        if typing.get_origin(plain) is list:
            return [
                self._value(typing.get_args(plain)[0], share, depth) for _ in range(self.random.randint(0, 2))
            ]
        if not isinstance(plain, str):
            return {
                int: self.random.randint(1, 1 << 20),
                str: self.random.choice(["", "text", "текст " * 60]),
                bytes: b"bytes",
                bool: True,
                float: 1.5,
                datetime.datetime: datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
            }[plain]
        classes = [
            cls
            for type_id in signatures.type_ids(plain.removeprefix("Type"))
            for cls in self.by_type.get(type_id, ())
        ]
        if depth <= 0:
            ends = [cls for cls in classes if all(member.optional for member in signatures.members(cls))]
            classes = ends or classes
        return self.of(self.random.choice(classes), share, depth - 1)


async def test_every_type_of_telethons_is_read_by_the_client_it_is_encoded_for(
    library: str, layer: int
) -> None:
    instances = Instances(seed=layer)
    encoded: list[tuple[str, bytes]] = []
    for cls in tlobjects.values():
        if issubclass(cls, TLRequest) or cls.__name__ in NOT_API or cls.__name__.startswith("Tls"):
            continue
        for share in (0, 1, 0.5, 0.5):
            try:
                value = instances.of(cls, share)
                bytes(value)  # Telethon requires fields of one flag to be set together
                encoded.append((cls.__name__, layers.encode(value, layer)))
            except (AssertionError, RecursionError, layers.EncodeError):
                continue
    assert len(encoded) > 5000
    answers = await node("read.mjs", library, "\n".join(data.hex() for _, data in encoded))
    wrong = {name: answer for (name, _), answer in zip(encoded, answers, strict=True) if answer != "ok"}
    assert wrong == {}


async def test_every_method_that_the_client_can_write_is_understood(library: str, layer: int) -> None:
    lines = await node("write.mjs", library)
    assert len(lines) > 2500
    unknown = set()
    for line in lines:
        name, data, plain = line.split(" ", 2)
        try:
            request = layers.decode(bytes.fromhex(data), layer)
        except layers.UnknownConstructor:
            unknown.add(name)
            continue
        assert type(request).__name__.lower() == f"{name.rpartition('.')[2]}request".lower()
        for argument, told in json.loads(plain).items():
            if (name, argument) in CHANGED:
                continue
            value = getattr(request, argument)
            if isinstance(value, datetime.datetime):
                value = int(value.timestamp())
            assert value == told, (name, argument)
    assert unknown <= GONE
