"""A sandbox that anything is sent to: it neither breaks nor hangs, and others are served all the time."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import struct
import traceback
import zlib
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any, Final, cast

from telethon.extensions import BinaryReader
from telethon.tl import functions, types

from tests.fuzz.hostile import Hostile, Scene, damaged
from tests.fuzz.intruder import SALT, Intruder, connect, settled
from tests.fuzz.packets import CONTAINER, GZIP, VECTOR, bomb, packed
from tests.sandbox.conftest import server_key
from tests.sandbox.test_exchange import asked
from tests.sandbox.test_transport import Obfuscated
from tests.sandbox.test_websocket import frame, head
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.chats import Chat
from tgbot.sandbox.connection import Connection
from tgbot.sandbox.dialogs import CHANNEL_BASE
from tgbot.sandbox.exchange import Exchange
from tgbot.sandbox.methods import METHODS
from tgbot.sandbox.methods.calls import Open
from tgbot.sandbox.rpc import Login
from tgbot.sandbox.server import Sandbox
from tgbot.sandbox.signatures import method_name
from tgbot.telegram.wire.messages import tl_bytes

#: Seconds after which one input is taken for a hang.
HANG: Final = 20.0
#: Kilobytes by which the process may grow in one siege.
_GROWTH: Final = 400 * 1024
#: Calls whose answer somebody else has to give.
_LATER: Final = ("messages.getBotCallbackAnswer", "messages.getInlineBotResults")
#: What the sandbox says in its log about an input that it refuses.
_EXPECTED: Final = (
    "the sandbox does not have the method",
    "a call cannot be decoded",
    "the sandbox fetches files from loopback",
    "a client speaks layer",
)
_METHODS: Final = sorted(METHODS, key=method_name)


class Hang(SystemExit):
    """One input took too long. Neither the server nor the loop takes a SystemExit for its own."""


@dataclass
class Siege:
    """One sandbox, what was sent to it, and what it did wrong."""

    seed: int
    inputs: int = 0
    findings: dict[str, str] = field(default_factory=dict)

    def found(self, what: str, detail: str = "") -> None:
        self.findings.setdefault(what, detail)


class _Listener(logging.Handler):
    """Note what the sandbox logs and should not: exceptions, and answers or updates without a form."""

    def __init__(self, siege: Siege) -> None:
        super().__init__(logging.INFO)
        self._siege = siege
        self.doing = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            frames = traceback.extract_tb(record.exc_info[2])[-3:]
            at = " < ".join(f"{each.filename.rpartition('/')[2]}:{each.lineno}" for each in reversed(frames))
            error = record.exc_info[1]
            self._siege.found(f"{type(error).__name__} at {at}", f"{self.doing}: {error!r}")
        elif "cannot be sent" in text or "cannot be encoded" in text:
            self._siege.found(f"{text} ({self.doing})")
        elif record.levelno > logging.INFO and not text.startswith(_EXPECTED):
            self._siege.found(text)


@contextmanager
def _watched(siege: Siege) -> Iterator[_Listener]:
    """Listen to the logs; raise Hang in the main thread if `setitimer` runs out."""
    listener = _Listener(siege)
    loggers = [logging.getLogger("tgbot.sandbox"), logging.getLogger("asyncio")]
    levels = [(logger, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.addHandler(listener)
        logger.setLevel(logging.INFO)
        logger.propagate = False

    def ring(number: int, at: Any) -> None:
        raise Hang(listener.doing)

    before = signal.signal(signal.SIGALRM, ring)
    left = signal.setitimer(signal.ITIMER_REAL, HANG)
    try:
        yield listener
    finally:
        signal.signal(signal.SIGALRM, before)
        # The tests have a time limit of their own.
        signal.setitimer(signal.ITIMER_REAL, *left)
        for logger, level, propagate in levels:
            logger.removeHandler(listener)
            logger.setLevel(level)
            logger.propagate = propagate


def besiege(seed: int, *, openings: int = 40, packets: int = 200, calls: int = 800) -> Siege:
    """Send a sandbox inputs of all kinds that follow from a seed; return what it did wrong."""
    siege = Siege(seed)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with _watched(siege) as listener:
        try:
            asyncio.run(_Round(siege, listener).run(openings, packets, calls))
        except Hang as hang:
            siege.found(f"hang: {hang}")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - grown
    if grown > _GROWTH:
        siege.found(f"the process grew by {grown // 1024} MB")
    return siege


class _Round:
    def __init__(self, siege: Siege, listener: _Listener) -> None:
        self.siege = siege
        self.listener = listener
        self.random = Random(siege.seed)
        self.sandbox = Sandbox(seed=siege.seed, key=server_key())
        self.intruders: list[tuple[Account, Intruder, Hostile]] = []

    async def run(self, openings: int, packets: int, calls: int) -> None:
        async with self.sandbox:
            self.stage = _Stage(self.sandbox, self.random)
            self.bystanders = [self.intruder(each) for each in (self.stage.cleo, self.stage.clerk)]
            self.watcher = self.intruder(self.stage.dora)
            await self.serve()
            for account in (self.stage.ann, self.stage.bot):
                intruder = self.intruder(account)
                known = self.sandbox._keys.get(intruder.name)
                assert known is not None
                scene = self.stage.scene(account, known.login)
                await self.stage.upload(intruder, scene)
                hostile = Hostile(self.random, scene)
                self.intruders.append((account, intruder, hostile))
            await self.spread(openings, self.opening)
            await self.spread(packets, self.packet)
            await self.spread(calls, self.call)
            await self.look_around()

    async def spread(self, count: int, attack: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Attack so often, and look after each fifty attacks whether the bystanders are served."""
        for number in range(count):
            signal.setitimer(signal.ITIMER_REAL, HANG)
            await attack()
            self.siege.inputs += 1
            if number % 50 == 49 or number == count - 1:
                await self.serve()

    def intruder(self, account: Account) -> Intruder:
        """Return a client with an auth key that is logged in."""
        key = self.random.randbytes(256)
        intruder = Intruder(self.sandbox, self.random, key)
        at = cast(Connection, SimpleNamespace(dc_id=self.sandbox.dc_id))
        before = set(self.sandbox.keys_of())
        made = SimpleNamespace(auth_key=key, salt=SALT, expires_in=None)
        self.sandbox.exchanged(at, cast(Exchange, made))
        [intruder.name] = set(self.sandbox.keys_of()) - before
        self.log_in(account, intruder)
        return intruder

    def log_in(self, account: Account, intruder: Intruder) -> None:
        """Undo what a call has done to the login."""
        known = self.sandbox._keys.get(intruder.name)
        assert known is not None
        account.deleted = account.banned = False
        known.login.account, known.login.generation = account.id, account.generation
        known.login.layer = 229

    # -- others are served

    async def serve(self) -> None:
        """Have one bystander write to the other, who hears it; each is answered."""
        doing, self.listener.doing = self.listener.doing, "serving a bystander"
        (cleo, clerk), text = self.bystanders, f"text {self.siege.inputs}"
        world, stage = self.sandbox.world, self.stage
        hash_ = world.accounts.access_hash(stage.cleo.id, stage.clerk.id)
        peer = types.InputPeerUser(stage.clerk.id, hash_)
        sent = functions.messages.SendMessageRequest(peer, text, random_id=self.random.getrandbits(62))
        state = bytes(functions.updates.GetStateRequest())
        if await clerk.ask(state) in (None, b"") or await cleo.ask(bytes(sent)) in (None, b""):
            self.siege.found("a bystander got no answer", doing)
            return
        wanted = tl_bytes(text.encode())

        def heard() -> bool:
            clerk.take()
            return any(wanted in body for body in clerk.others)

        if not await settled(heard):
            self.siege.found("a bystander did not get an update", doing)
        clerk.others.clear()
        cleo.others.clear()
        self.listener.doing = doing

    async def look_around(self) -> None:
        """Ask for all that is there now: none of it may be without a form, for anybody."""
        stage = self.stage
        for account, intruder in [
            *((account, intruder) for account, intruder, _ in self.intruders),
            (stage.dora, self.watcher),
        ]:
            self.log_in(account, intruder)
            requests: list[Any] = [
                functions.updates.GetDifferenceRequest(1, None, 1),
                functions.messages.GetMessagesRequest([types.InputMessageID(n) for n in range(1, 100)]),
                functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 100, 0),
            ]
            for peer in stage.scene(account, Login()).peers:
                requests.append(functions.messages.GetHistoryRequest(peer, 0, None, 0, 100, 0, 0, 0))
                if isinstance(peer, types.InputPeerChannel):
                    channel = types.InputChannel(peer.channel_id, peer.access_hash)
                    none = types.ChannelMessagesFilterEmpty()
                    requests.append(functions.updates.GetChannelDifferenceRequest(channel, none, 1, 100))
                    requests.append(functions.channels.GetFullChannelRequest(channel))
                if isinstance(peer, types.InputPeerChat):
                    requests.append(functions.messages.GetFullChatRequest(peer.chat_id))
                if isinstance(peer, types.InputPeerUser):
                    user = types.InputUser(peer.user_id, peer.access_hash)
                    requests.append(functions.users.GetFullUserRequest(user))
            for request in requests:
                signal.setitimer(signal.ITIMER_REAL, HANG)
                await self.check(intruder, method_name(type(request)), bytes(request), last=True)

    # -- (a) openings

    async def opening(self) -> None:
        """Write anything, cut at random places, and go."""
        random = self.random
        self.listener.doing = "an opening"
        message = asked(random.getrandbits(100))
        payload = random.choice(
            (message, damaged(random, message), self.intruders[0][1].name + bytes(80), b"")
        )
        framed = struct.pack("<I", len(payload)) + payload
        secret = random.choice((b"", self.sandbox.secret.key))
        obfuscated = Obfuscated(
            random.choice((b"\xee", b"\xef", b"\xdd")) * 4, random.randrange(-9, 9), secret
        )
        hidden = obfuscated.opening + obfuscated.encrypt.update(framed)
        data = random.choice(
            (
                b"\xee" * 4 + framed,
                b"\xdd" * 4 + framed,
                b"\xef" + bytes([len(payload) // 4 & 0x7F]) + payload,
                struct.pack("<II", len(payload) + 12, 0) + payload + struct.pack("<I", zlib.crc32(payload)),
                hidden,
                head() + frame(hidden) + frame(b"", 9),
                random.randbytes(random.randrange(200)),
            )
        )
        if random.random() < 0.7:
            data = damaged(random, data)
        wire = await connect(self.sandbox)
        while data and not wire.closed:
            cut = random.randrange(1, len(data) + 1) if random.random() < 0.5 else len(data)
            wire.write(data[:cut])
            data = data[cut:]
            await asyncio.sleep(0)
        if random.random() < 0.5 and wire.transport is not None and not wire.closed:
            with suppress(OSError):  # the server may have reset it
                wire.transport.write_eof()
            if not await settled(lambda: wire.closed):
                self.siege.found("a connection stays that the client has ended")
        wire.end()

    # -- (b) packets of a session

    async def packet(self) -> None:
        """Send a damaged packet, or one of the session's own, and see that the connection goes on or ends."""
        random = self.random
        account, intruder, hostile = random.choice(self.intruders)
        self.log_in(account, intruder)
        self.listener.doing = "a packet"
        await intruder.open()
        kind = random.choice(_METHODS)
        request = hostile.request(kind)
        match random.randrange(8):
            case 0:
                body = damaged(random, request)
            case 1:
                body = _service(random, intruder)
            case 2:
                inner = [_service(random, intruder), request, damaged(random, request)]
                body = _container(random, intruder, inner)
                body = damaged(random, body) if random.random() < 0.5 else body
            case 3:
                body = random.choice((_bomb(20), _bomb(24), packed(packed(request)), GZIP + request))
            case 4:
                # Wrapped over and over.
                depth = random.choice((3, 60, 64, 500, 5000))
                body = functions.InvokeWithoutUpdatesRequest.CONSTRUCTOR_ID.to_bytes(4, "little") * depth
                body += request
            case 5:
                ids = functions.messages.GetMessagesRequest.CONSTRUCTOR_ID.to_bytes(4, "little")
                body = ids + VECTOR + struct.pack("<i", random.choice((2**31 - 1, -1, 10**6))) + bytes(64)
            case 6:
                layer = random.choice((-1, 0, 1, 150, 198, 229, 2**31 - 1))
                body = struct.pack("<Ii", functions.InvokeWithLayerRequest.CONSTRUCTOR_ID, layer) + request
            case _:
                body = _after(random, intruder) + request
        body += bytes(-len(body) % 4)
        length = random.choice((None, None, None, None, -1, 0, 2**31 - 1, len(body) + 4))
        seq_no = random.choice((1, 1, 0, -1, 2**31 - 1))
        msg_id = random.choice((intruder.next_id(), intruder.next_id(), random.getrandbits(62), 0, -4))
        salt = random.choice((SALT, SALT, SALT, 0))
        sealed = intruder.sealed(body, msg_id, seq_no, length=length, salt=salt)
        intruder.put(damaged(random, sealed) if random.random() < 0.1 else sealed)
        intruder.renew()
        await self.pinged(intruder)

    async def pinged(self, intruder: Intruder) -> None:
        """See that the connection answers a ping, or was closed."""
        intruder.others.clear()
        intruder.send(bytes(functions.PingRequest(1)), content=False)

        def done() -> bool:
            intruder.take()
            assert intruder.wire is not None
            return bool(intruder.others) or intruder.wire.closed

        if not await settled(done):
            self.siege.found(f"no pong after {self.listener.doing}")
        intruder.results.clear()

    # -- (c) calls

    async def call(self) -> None:
        """Call any method with any values."""
        random = self.random
        if self.siege.inputs % 150 == 0:
            self.stage.mend([(account, hostile.scene) for account, _, hostile in self.intruders])
        kind = random.choice(_METHODS)
        only = {Open.USERS: 0, Open.BOTS: 1}.get(METHODS[kind].open, random.randrange(2))
        account, intruder, hostile = self.intruders[only if random.random() < 0.95 else 1 - only]
        self.log_in(account, intruder)
        await self.check(intruder, method_name(kind), hostile.request(kind))

    async def check(self, intruder: Intruder, name: str, request: bytes, *, last: bool = False) -> None:
        self.listener.doing = f"{name} {request[:400].hex()}"
        result = None
        if name in _LATER:
            await intruder.open()
            intruder.send(request)
            await asyncio.sleep(0)
            result = b""
        else:
            result = await intruder.ask(request)
        if result is None:
            self.siege.found(f"no answer to {name}", self.listener.doing)
        elif result[:4] == b"\x19\xca\x44\x21":
            error = BinaryReader(result).tgread_object()
            if error.error_code == 500 and not error.error_message.startswith("RANDOM_ID_DUPLICATE"):
                self.siege.found(f"{name}: 500 {error.error_message}", self.listener.doing)
        intruder.others.clear()


@cache
def _bomb(bits: int) -> bytes:
    return bomb(1 << bits)


def _service(random: Random, intruder: Intruder) -> bytes:
    """Return a message of the protocol itself, with numbers at their bounds."""
    number = random.choice((0, -1, 2**62, intruder.last_id, -(2**63)))
    count = random.choice((0, 1, 64, 2**31 - 1, -1))
    ids = [random.choice((number, intruder.last_id)) for _ in range(random.choice((0, 1, 3, 8192)))]
    message: Any = random.choice(
        (
            types.MsgsAck(ids),
            types.MsgsStateReq(ids),
            types.MsgResendReq(ids),
            functions.PingRequest(number),
            functions.PingDelayDisconnectRequest(number, count),
            functions.GetFutureSaltsRequest(count),
            functions.RpcDropAnswerRequest(number),
            functions.DestroySessionRequest(number),
            types.HttpWait(count, count, count),
            types.MsgsAllInfo(ids, b"x"),
            types.MsgsStateInfo(number, b"x" * 9),
        )
    )
    body = bytes(message)
    return damaged(random, body) if random.random() < 0.3 else body


def _container(random: Random, intruder: Intruder, bodies: list[bytes]) -> bytes:
    parts = [
        struct.pack("<qii", intruder.next_id(), random.choice((1, 3, 0)), len(body)) + body for body in bodies
    ]
    return (
        CONTAINER + struct.pack("<i", random.choice((len(parts), len(parts), 0, 2**31 - 1))) + b"".join(parts)
    )


def _after(random: Random, intruder: Intruder) -> bytes:
    """Return the beginning of invokeAfterMsg(s), for calls that there are, and that there are not."""
    numbers = [random.choice((intruder.last_id, 4, 0, intruder.last_id + 400)) for _ in range(3)]
    if random.random() < 0.5:
        return struct.pack("<Iq", functions.InvokeAfterMsgRequest.CONSTRUCTOR_ID, numbers[0])
    head = struct.pack("<I", functions.InvokeAfterMsgsRequest.CONSTRUCTOR_ID) + VECTOR
    return head + struct.pack("<i3q", 3, *numbers)


class _Stage:
    """Who and what is there: intruders in chats with others, and two bystanders who are in none of them."""

    def __init__(self, sandbox: Sandbox, random: Random) -> None:
        self.sandbox, self.random = sandbox, random
        world = self.world = sandbox.world
        self.ann, self.bob, self.dora = (
            world.new_user(name, username=f"{name}_here") for name in ("Ann", "Bob", "Dora")
        )
        self.cleo = world.new_user("Cleo")
        self.new_phone = world.new_phone()
        self.bot = world.accounts[world.new_bot("fuzz_bot").id]
        assert self.bot.profile is not None
        self.bot.profile.inline = "ask"
        self.clerk = world.accounts[world.new_bot("some_clerk_bot").id]
        world.send_as(self.cleo.id, self.clerk.id, "/start")
        for person in (self.ann, self.bob):
            world.send_as(person.id, self.bot.id, "/start")
            world.send_as(self.bot.id, person.id, "press", reply_markup=_keyboard())
        world.send_as(self.bob.id, self.ann.id, "hello")
        self.chats: list[Chat] = []
        self.gather()

    def gather(self) -> None:
        """Make a chat of each kind, with people and the bot in it."""
        world = self.world
        self.chats = [world.new_group("Group", self.ann.id, self.bob.id, self.bot.id, self.dora.id)]
        for title, megagroup in (("Channel", False), ("Supergroup", True), ("Forum", True)):
            chat = world.new_channel(title, megagroup=megagroup, creator=self.ann.id)
            chat.forum = title == "Forum"
            rights = types.ChatAdminRights(
                change_info=True,
                ban_users=True,
                invite_users=True,
                post_messages=True,
                delete_messages=True,
                manage_topics=True,
                edit_messages=True,
                pin_messages=True,
            )
            world.groups.promote(chat, self.bot, rights, by=self.ann.id)
            for person in (self.bob, self.dora):
                world.groups.add(chat, person, by=self.ann.id)
            self.chats.append(chat)

    async def upload(self, intruder: Intruder, scene: Scene) -> None:
        """Have a client upload a file of each kind, and add what can be named now to its scene."""
        parts = {5: b"content", 6: _picture(), 7: b"more content", 8: _picture()}
        for number, content in parts.items():
            await intruder.ask(bytes(functions.upload.SaveFilePartRequest(number, 0, content)))
        new: list[Any] = [
            types.InputMediaUploadedDocument(types.InputFile(5, 1, "a.txt", ""), "text/plain", []),
            types.InputMediaUploadedPhoto(types.InputFile(6, 1, "a.png", "")),
        ]
        for media in new:
            request = functions.messages.UploadMediaRequest(types.InputPeerSelf(), media)
            made = BinaryReader(await intruder.ask(bytes(request)) or b"").tgread_object()
            if isinstance(made, types.MessageMediaDocument):
                one: Any = made.document
                name = one.id, one.access_hash, one.file_reference
                scene.media.append(types.InputMediaDocument(types.InputDocument(*name)))
                scene.places.append(types.InputDocumentFileLocation(*name, ""))
            elif isinstance(made, types.MessageMediaPhoto):
                one = made.photo
                name = one.id, one.access_hash, one.file_reference
                scene.media.append(types.InputMediaPhoto(types.InputPhoto(*name)))
                scene.places.append(types.InputPhotoFileLocation(*name, "x"))
        scene.media.append(types.InputMediaUploadedDocument(types.InputFile(7, 1, "b", ""), "", []))
        scene.media.append(types.InputMediaUploadedPhoto(types.InputFile(8, 1, "b", "")))

    def scene(self, account: Account, login: Login) -> Scene:
        """Return what this account may name."""
        accounts = self.world.accounts
        people = [self.ann, self.bob, self.dora, self.bot]
        users: list[Any] = [types.InputUserSelf()]
        peers: list[Any] = [types.InputPeerSelf()]
        channels: list[Any] = []
        for each in people:
            hash_ = accounts.access_hash(account.id, each.id)
            users.append(types.InputUser(each.id, hash_))
            peers.append(types.InputPeerUser(each.id, hash_))
        for chat in self.chats:
            if chat.channel:
                hash_ = accounts.access_hash(account.id, chat.id, kind=b"channel")
                channels.append(types.InputChannel(chat.id, hash_))
                peers.append(types.InputPeerChannel(chat.id, hash_))
            else:
                peers.append(types.InputPeerChat(chat.id))
        ids = [each.id for each in people] + [chat.id for chat in self.chats]

        def named() -> dict[str, list[Any]]:
            return self._named(account, login)

        def within(peer: Any) -> list[int]:
            if isinstance(peer, types.InputPeerChannel | types.InputChannel):
                chat = self.world.chats.get(-CHANNEL_BASE - peer.channel_id)
                return list(range(1, len(chat.box) + 1))[-12:] if chat is not None else []
            if isinstance(peer, types.InputPeerChat):
                return account.box.history(-peer.chat_id)[-12:]
            return account.box.history(getattr(peer, "user_id", account.id))[-12:]

        media: list[Any] = [types.InputMediaEmpty(), _poll(), types.InputMediaDice("🎲")]
        return Scene(peers, users, channels, ids, media, [], named, within)

    def mend(self, scenes: list[tuple[Account, Scene]]) -> None:
        """Bring back what calls have ended: chats, messages, dialogs that nobody has blocked."""
        world = self.world
        for each in (self.ann, self.bob, self.dora, self.bot):
            each.blocked, each.deleted, each.banned = frozenset(), False, False
        self.gather()
        for account, scene in scenes:
            new = self.scene(account, Login())
            for had, has in (
                (scene.peers, new.peers),
                (scene.users, new.users),
                (scene.channels, new.channels),
                (scene.ids, new.ids),
            ):
                had[:] = has
        world.send_as(self.bot.id, self.ann.id, "press", reply_markup=_keyboard())
        for person in (self.ann, self.bot, self.bob):
            for chat in self.chats:
                world.send_as(person.id, chat.marked, "something")
            if person is not self.ann:
                world.send_as(person.id, self.ann.id, "something")

    def _named(self, account: Account, login: Login) -> dict[str, list[Any]]:
        world = self.world
        newest = len(account.box)
        numbers = [*range(1, 9), *range(max(1, newest - 12), newest + 1)]
        links = [link for chat in world.chats.values() for link in chat.invites]
        queries = [
            number for owner in (world.presses, world.queries) for number in getattr(owner, "_queries", ())
        ]
        asked = getattr(world.groups, "_queries", {})
        return {
            "phone_number": [self.new_phone, self.bob.phone or ""],
            "phone": [self.bob.phone or ""],
            "phone_code": [world.accounts.code],
            "phone_code_hash": [login.code_hash],
            "bot_auth_token": [self.bot.token or ""],
            "api_id": [1],
            "lang_code": ["", "en"],
            "dc_id": [4],
            "hash": links or [0],
            "link": [f"https://t.me/+{link}" for link in links],
            "chat_id": [chat.id for chat in self.chats if not chat.channel],
            "user_id": [self.bob.id, self.dora.id],
            "query_id": [*queries, *asked],
            "username": ["Ann_here", "fuzz_bot", "some_new_name"],
            "emoticon": ["👍", "🎲"],
            "seconds": [0, 10],
            "max_votes": [1],
            "id": numbers,
            "msg_id": numbers,
            "data": [b"pressed"],
            "offset": [0, 4096],
            "limit": [4096, 100],
            "start_param": ["payload"],
            "title": ["Title"],
            "message": ["some text", "/start"],
            "date": [1],
            "pts": [1, 3],
        }


def _poll() -> Any:
    def words(text: str) -> Any:
        return types.TextWithEntities(text, [])

    answers: list[Any] = [types.PollAnswer(words(text), text.encode()) for text in ("data", "x")]
    return types.InputMediaPoll(types.Poll(1, words("Which?"), answers, 0))


def _picture() -> bytes:
    """Return a PNG of two by two black pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    head = struct.pack(">IIBBBBB", 2, 2, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(14)))
        + chunk(b"IEND", b"")
    )


def _keyboard() -> Any:
    button = types.KeyboardInlineButton("press", types.InlineButtonTypeCallback(b"pressed"))
    return types.ReplyInlineMarkup([types.KeyboardInlineButtonRow([button])])
