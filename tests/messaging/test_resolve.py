"""Names, links and ids to peers: the session first, Telegram within the budget, and what was tried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from telethon import errors, utils
from telethon.tl import functions, types

from tests.store.memory import MemoryRegistry
from tgbot.core.errors import (
    BudgetSpentError,
    HiddenForwardError,
    LinkError,
    NameNotFoundError,
    NeverMetError,
)
from tgbot.core.users import Keep
from tgbot.handlers.evidence import record_seen
from tgbot.messaging.resolve import DAY, Found, PeerKind, Peers
from tgbot.store.sqlite.session import RESOLVES_A_DAY, DurableSession
from tgbot.telegram import BotClient

ANNA, BERT = 1001, 2**40 + 5


def user(user_id: int, *names: str, **fields: Any) -> Any:
    usernames = [types.Username(name, active=True) for name in names[1:]] or None
    fields.setdefault("first_name", "N")
    return types.User(
        id=user_id,
        access_hash=user_id * 3,
        username=names[0] if names and usernames is None else None,
        usernames=[types.Username(names[0], active=True), *usernames] if usernames else None,
        **fields,
    )


class Telegram:
    """A Telegram that knows usernames; it keeps every call, and users reach session and registry."""

    def __init__(self, session: DurableSession, users: MemoryRegistry) -> None:
        self.session = session
        self.users = users
        self.names: dict[str, Any] = {}
        self.wrote: dict[int, Any] = {}
        self.calls: list[Any] = []
        self.refusal: Exception | None = None

    async def __call__(self, request: Any) -> Any:
        self.calls.append(request)
        await asyncio.sleep(0)
        if isinstance(request, functions.contacts.ResolveUsernameRequest):
            self.session.count_resolve()
            if self.refusal is not None:
                raise self.refusal
            entity = self.names.get(request.username.lower())
            if entity is None:
                raise errors.UsernameNotOccupiedError(request)
            people = [entity] if isinstance(entity, types.User) else []
            chats = [] if people else [entity]
            self.arrive(people, chats, "ResolveUsernameRequest")
            peer = utils.get_peer(utils.get_input_peer(entity, check_hash=False))
            return types.contacts.ResolvedPeer(peer, chats, people)
        if isinstance(request, functions.users.GetUsersRequest):
            (asked,) = request.id
            found = self.wrote.get(asked.user_id)
            answer = [types.UserEmpty(asked.user_id) if found is None else found]
            self.arrive([found] if found is not None else [], [], "GetUsersRequest")
            return answer
        if isinstance(request, functions.channels.GetChannelsRequest):
            (asked,) = request.id
            chats = [
                c for c in self.names.values() if isinstance(c, types.Channel) and c.id == asked.channel_id
            ]
            return types.messages.Chats(chats)
        raise AssertionError(request)

    def arrive(self, people: list[Any], chats: list[Any], source: str) -> None:
        full = [one for one in people if not one.min]
        self.session.remember([*people, *chats])
        record_seen(self.users, Keep.ALL, full, source, 1_700_000_000)

    def asked(self, kind: type) -> int:
        return sum(isinstance(call, kind) for call in self.calls)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[DurableSession]:
    session = DurableSession(tmp_path / "bot.session")
    yield session
    session.close()


@pytest.fixture
def users() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture
def telegram(session: DurableSession, users: MemoryRegistry) -> Telegram:
    return Telegram(session, users)


class Now:
    """A clock that stands still until it is set."""

    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now(time.time())


@pytest.fixture
def peers(telegram: Telegram, users: MemoryRegistry, now: Now) -> Peers:
    return Peers(cast(BotClient, telegram), users, clock=now)


NAMES = ["@anna", "anna_s", "t.me/anna", "https://t.me/anna", "tg://resolve?domain=anna", "@ANNA"]


@pytest.mark.parametrize("text", NAMES)
async def test_a_name_seen_within_a_day_is_answered_from_the_session(
    peers: Peers, telegram: Telegram, text: str
) -> None:
    telegram.arrive([user(ANNA, "anna", "anna_s")], [], "update")
    found = await peers.resolve(text)
    assert (found.kind, found.id, found.found) == (PeerKind.USER, ANNA, Found.SESSION)
    assert found.peer == types.InputPeerUser(ANNA, ANNA * 3)
    assert set(found.usernames) == {"anna", "anna_s"}
    assert telegram.calls == []


async def test_an_unknown_name_is_asked_of_telegram_once(peers: Peers, telegram: Telegram) -> None:
    telegram.names["anna"] = user(ANNA, "anna", first_name="Anna")
    found = await peers.resolve("@anna")
    assert (found.kind, found.id, found.found, found.age, found.title) == (
        PeerKind.USER,
        ANNA,
        Found.TELEGRAM,
        0,
        "Anna",
    )
    assert (await peers.resolve("@anna")).found is Found.SESSION
    assert telegram.asked(functions.contacts.ResolveUsernameRequest) == 1


async def test_ten_at_once_ask_telegram_once(peers: Peers, telegram: Telegram) -> None:
    telegram.names["anna"] = user(ANNA, "anna")
    found = await asyncio.gather(*(peers.resolve("@anna") for _ in range(10)))
    assert {one.id for one in found} == {ANNA}
    assert telegram.asked(functions.contacts.ResolveUsernameRequest) == 1


async def test_a_name_older_than_a_day_is_asked_again(peers: Peers, telegram: Telegram, now: Now) -> None:
    anna = telegram.names["anna"] = user(ANNA, "anna")
    telegram.arrive([anna], [], "update")
    now.at += DAY + 10
    assert (await peers.resolve("@anna")).found is Found.TELEGRAM
    assert len(telegram.calls) == 1


async def test_a_name_that_moved_leaves_its_old_owner(
    peers: Peers, telegram: Telegram, session: DurableSession, users: MemoryRegistry, now: Now
) -> None:
    telegram.arrive([user(ANNA, "anna", "second")], [], "update")
    now.at += DAY + 10
    telegram.names["anna"] = user(BERT, "anna")
    assert (await peers.resolve("@anna")).id == BERT
    assert (await peers.resolve("@anna")).id == BERT
    row = session.username("anna")
    assert row is not None
    assert row.marked_id == BERT
    assert (await peers.by_id(ANNA)).usernames == ("second",)
    old = users.get(ANNA)
    assert old is not None
    assert old.usernames == ("second",)
    assert [change.old for change in old.history] == ["anna second"]


async def test_a_name_that_nobody_has_any_more_is_forgotten(
    peers: Peers, telegram: Telegram, session: DurableSession, users: MemoryRegistry, now: Now
) -> None:
    telegram.arrive([user(ANNA, "anna")], [], "update")
    now.at += DAY + 10
    with pytest.raises(NameNotFoundError):
        await peers.resolve("@anna")
    assert session.username("anna") is None
    old = users.get(ANNA)
    assert old is not None
    assert old.usernames == ()


async def test_past_the_budget_an_old_name_is_answered_with_its_age(
    peers: Peers, telegram: Telegram, session: DurableSession, now: Now
) -> None:
    telegram.arrive([user(ANNA, "anna")], [], "update")
    row = session.username("anna")
    assert row is not None
    now.at = row.seen + DAY + 3600
    for _ in range(RESOLVES_A_DAY):
        session.count_resolve()
    found = await peers.resolve("@anna")
    assert (found.id, found.found) == (ANNA, Found.OUTDATED)
    assert found.age == DAY + 3600
    with pytest.raises(BudgetSpentError):
        await peers.resolve("@nobody_knows")
    assert telegram.calls == []
    assert telegram.session.resolves_today() == RESOLVES_A_DAY


async def test_a_flood_wait_is_a_spent_budget(peers: Peers, telegram: Telegram, now: Now) -> None:
    telegram.arrive([user(ANNA, "anna")], [], "update")
    now.at += DAY + 10
    telegram.refusal = errors.FloodWaitError(None, capture=80_000)
    assert (await peers.resolve("@anna")).found is Found.OUTDATED
    with pytest.raises(BudgetSpentError):
        await peers.resolve("@somebody")


async def test_channels_groups_and_bots_are_called_what_they_are(peers: Peers, telegram: Telegram) -> None:
    def channel(number: int, **flags: bool) -> Any:
        return types.Channel(
            id=number, title="T", photo=types.ChatPhotoEmpty(), date=None, access_hash=9, **flags
        )

    telegram.names["news"] = channel(71, broadcast=True)
    telegram.names["talk"] = channel(72, megagroup=True)
    telegram.names["robot"] = user(BERT, "robot", bot=True)
    for _ in range(2):  # The second time from the session.
        assert (await peers.resolve("@robot")).kind is PeerKind.BOT
    for name, kind in (("news", PeerKind.CHANNEL), ("talk", PeerKind.GROUP)):
        found = await peers.resolve(f"@{name}")
        assert (found.kind, found.title) == (kind, "T")
        again = await peers.by_id(found.id)
        assert (again.kind, again.found) == (kind, Found.SESSION)


async def test_of_a_peer_in_the_session_that_the_registry_never_saw_telegram_is_asked(
    peers: Peers, telegram: Telegram, session: DurableSession, users: MemoryRegistry
) -> None:
    robot = user(BERT, "robot", bot=True)
    session.remember([robot])  # As a session of plain Telethon's has it: no flags.
    telegram.wrote[BERT] = robot
    found = await peers.resolve("@robot")
    assert (found.kind, found.found) == (PeerKind.BOT, Found.SESSION)
    assert telegram.calls[0].id == [types.InputUser(BERT, BERT * 3)]
    assert (await peers.resolve("@robot")).kind is PeerKind.BOT
    assert len(telegram.calls) == 1


async def test_a_min_user_is_never_an_answer(peers: Peers, telegram: Telegram) -> None:
    telegram.names["anna"] = user(ANNA, "anna", min=True)
    with pytest.raises(NameNotFoundError):
        await peers.resolve("@anna")
    telegram.wrote[ANNA] = user(ANNA, "anna", min=True)
    with pytest.raises(NeverMetError):
        await peers.resolve(str(ANNA))


async def test_an_id_that_the_session_lacks_is_tried_without_access_hash(
    peers: Peers, telegram: Telegram
) -> None:
    telegram.wrote[BERT] = user(BERT, first_name="Bert")
    found = await peers.resolve(str(BERT))
    assert (found.id, found.found, found.title, found.age) == (BERT, Found.TELEGRAM, "Bert", None)
    assert telegram.calls[0].id == [types.InputUser(BERT, 0)]
    assert found.peer == types.InputPeerUser(BERT, BERT * 3)


async def test_an_id_never_met_says_what_was_tried(peers: Peers, telegram: Telegram) -> None:
    with pytest.raises(NeverMetError, match=r"999.*session.*without an access hash"):
        await peers.resolve("999")
    assert telegram.asked(functions.users.GetUsersRequest) == 1
    with pytest.raises(NeverMetError, match=r"-1000000000999"):
        await peers.by_id(-1_000_000_000_999)


async def test_the_author_of_a_forward_is_found_and_a_hidden_one_is_called_hidden(
    peers: Peers, telegram: Telegram
) -> None:
    telegram.arrive([user(ANNA, "anna")], [], "update")
    open_forward = types.MessageFwdHeader(date=None, from_id=types.PeerUser(ANNA))
    assert (await peers.by_forward(open_forward)).id == ANNA
    with pytest.raises(HiddenForwardError):
        await peers.by_forward(types.MessageFwdHeader(date=None, from_name="Somebody"))


@pytest.mark.parametrize(
    "text", ["", "@", "https://example.com/anna", "two words", "@a b", "\0", "@" + "x" * 5000, "t.me/+abcdef"]
)
async def test_what_is_no_name_link_or_id_is_a_link_error(
    peers: Peers, telegram: Telegram, text: str
) -> None:
    with pytest.raises(LinkError):
        await peers.resolve(text)
    assert telegram.calls == []
