"""The health checks: when the bot is well, and when it is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from tgbot.core.errors import StorageError, StorageFullError, StorageGoneError
from tgbot.operate.health import HEARD_SECONDS, PROVEN_SECONDS, Health, Trouble

BEGAN = 1000.0


class Client:
    """A client that is well, unless it is told otherwise; its time is settable."""

    def __init__(self) -> None:
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.connected = True
        self.logged_in = True
        self.drain = SimpleNamespace(begun=False)
        self.now = BEGAN
        #: When there was a proof that updates arrive.
        self.proved_at = BEGAN + 1
        self.error: Exception | None = None
        #: Not set while the disk does not answer.
        self.disk = asyncio.Event()
        self.disk.set()
        self.made = 0

    def proof_age(self) -> float:
        return self.now - self.proved_at

    async def checkpoint(self) -> None:
        self.made += 1
        await self.disk.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
async def client() -> Client:
    return Client()


@pytest.fixture
def health(client: Client) -> Health:
    made = Health(client, monotonic=lambda: client.now, checkpoint_seconds=0.01)
    client.now += 2
    return made


async def test_a_database_that_cannot_be_reached_comes_before_what_follows_from_it(client: Client) -> None:
    reachable = False
    health = Health(
        client, reachable=lambda: reachable, monotonic=lambda: client.now, checkpoint_seconds=0.01
    )
    client.now += 2
    client.connected = False
    assert await health.trouble() is Trouble.DATABASE
    assert client.made == 0
    client.connected = reachable = True
    assert await health.trouble() is None


async def test_a_checkpoint_that_waits_for_the_database_is_not_called_slow(client: Client) -> None:
    answers = iter((True, False, True, True))
    health = Health(
        client, reachable=lambda: next(answers), monotonic=lambda: client.now, checkpoint_seconds=0.01
    )
    client.now += 2
    client.disk.clear()
    assert await health.trouble() is Trouble.DATABASE
    assert await health.trouble() is Trouble.CHECKPOINT_SLOW
    client.disk.set()


async def test_however_many_ask_one_checkpoint_is_made_in_a_while(client: Client, health: Health) -> None:
    assert set(await asyncio.gather(*(health.trouble() for _ in range(20)))) == {None}
    assert client.made == 1
    client.now += PROVEN_SECONDS
    assert await health.trouble() is None
    assert client.made == 1
    client.now += 0.1
    assert await health.trouble() is None
    assert client.made == 2


async def test_a_checkpoint_that_hangs_is_trouble_until_it_ends_and_is_not_cut_off(
    client: Client, health: Health
) -> None:
    client.disk.clear()
    assert await health.trouble() is Trouble.CHECKPOINT_SLOW
    assert await health.trouble() is Trouble.CHECKPOINT_SLOW
    assert client.made == 1
    client.disk.set()
    assert await health.trouble() is None
    assert client.made == 1


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (StorageFullError(Path("users.sqlite")), Trouble.CHECKPOINT_FAILED),
        (StorageGoneError(Path("users.sqlite")), Trouble.FILES_GONE),
        (LookupError("planted words"), Trouble.CHECKPOINT_FAILED),
    ],
)
async def test_a_checkpoint_that_fails_is_trouble_until_one_is_made(
    client: Client, health: Health, error: Exception, trouble: Trouble, caplog: pytest.LogCaptureFixture
) -> None:
    client.error = error
    assert await health.trouble() is trouble
    assert await health.trouble() is trouble
    assert ("planted words" in caplog.text) is False
    assert isinstance(error, StorageError) is ("users.sqlite" in caplog.text)
    client.error = None
    assert await health.trouble() is None


async def test_without_a_link_or_a_login_or_a_future_no_checkpoint_is_asked_for(
    client: Client, health: Health
) -> None:
    client.logged_in = False
    assert await health.trouble() is Trouble.NOT_LOGGED_IN
    client.connected = False
    assert await health.trouble() is Trouble.NOT_CONNECTED
    client.drain.begun = True
    assert await health.trouble() is Trouble.DRAINED
    client.failed.set_result(LookupError())
    assert await health.trouble() is Trouble.FAILED
    assert client.made == 0


async def test_a_bot_that_heard_nothing_for_long_is_not_well_until_it_hears_again(
    client: Client, health: Health
) -> None:
    client.now = client.proved_at + HEARD_SECONDS
    assert await health.trouble() is None
    client.now += 0.1
    assert await health.trouble() is Trouble.UNHEARD
    client.proved_at = client.now
    assert await health.trouble() is None


async def test_a_bot_that_starts_is_not_well_before_its_first_proof(client: Client) -> None:
    client.proved_at = BEGAN - 0.1  # of the time before, if it is one
    health = Health(client, monotonic=lambda: client.now)
    assert await health.trouble() is Trouble.UNHEARD
    client.now += 5
    assert await health.trouble() is Trouble.UNHEARD
    client.proved_at = client.now
    assert await health.trouble() is None


async def test_each_trouble_has_words_of_its_own() -> None:
    assert len({trouble.value for trouble in Trouble}) == len(Trouble)
