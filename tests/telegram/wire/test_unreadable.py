"""Whatever arrives on the wire costs only itself: all else is answered, and no log shows what it was."""

from __future__ import annotations

import logging
import re
import struct

import pytest

from tests.telegram.conftest import Stage, echo, until
from tgbot.sandbox.faults import Damage, Shape
from tgbot.telegram import BotClient
from tgbot.telegram.wire import attempts as attempting
from tgbot.telegram.wire.reading import UnreadableError

SEND = "messages.sendMessage"
IMPORT = "auth.importBotAuthorization"
#: What people write in these tests, and what no log may show.
SECRET = "planted-7Q2x"


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts that a test can wait for."""
    for name, seconds in (("_FIRST_PAUSE", 0.02), ("LONGEST_PAUSE", 0.08), ("_CROWDED_PAUSE", 0.2)):
        monkeypatch.setattr(attempting, name, seconds)


@pytest.fixture(autouse=True)
def silent_about_it(caplog: pytest.LogCaptureFixture, stage: Stage) -> None:
    """Fail a test in which a log line from INFO on holds a text, bytes or a secret."""
    caplog.set_level(logging.INFO)


def check_log(caplog: pytest.LogCaptureFixture, stage: Stage) -> None:
    told = "\n".join(
        f"{record.getMessage()}\n{record.exc_text or ''}"
        for record in caplog.records
        if not record.name.startswith("tgbot.sandbox")
    )
    assert SECRET not in told
    assert stage.account.token not in told
    assert not re.search(r"\bb['\"]|\\x[0-9a-f]{2}", told), told


async def answered(stage: Stage, client: BotClient, *texts: str) -> None:
    """Have somebody write, and wait until each of the texts is answered once."""
    ann = stage.meet()
    for text in texts:
        stage.write(ann, f"{text} {SECRET}")
    await until(lambda: len(stage.heard(ann)) == len(texts))
    assert stage.heard(ann) == [f"you said {text} {SECRET}" for text in texts]
    assert not client.failed.done()
    assert client.handler_errors == 0


@pytest.mark.parametrize("damage", list(Damage))
async def test_an_unreadable_push_is_fetched_and_the_others_are_not_held_up(
    stage: Stage, caplog: pytest.LogCaptureFixture, damage: Damage
) -> None:
    client = await stage.open(echo)
    links = client._link_state.links
    stage.faults.garble(2, damage=damage)
    await answered(stage, client, "one", "two", "three")
    assert client._link_state.links == links
    if damage is not Damage.WRONG:  # such an update can be read
        assert client._link_state.unreadable == 2
        assert "Telegram sent what cannot be read" in caplog.text
    check_log(caplog, stage)


@pytest.mark.parametrize("damage", list(Damage))
async def test_an_unreadable_answer_fails_its_request_and_shows_nothing_of_it(
    stage: Stage, caplog: pytest.LogCaptureFixture, damage: Damage
) -> None:
    client = await stage.open(echo)
    stage.faults.garble_answers("users.getUsers", damage, times=1)
    with pytest.raises(UnreadableError, match="the answer to GetUsersRequest cannot be read") as raised:
        await client.get_me()
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None
    assert (await client.get_me()).id == stage.account.id
    await answered(stage, client, "one")
    check_log(caplog, stage)


async def test_an_answer_that_unpacks_to_megabytes_fails_its_request(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    stage.faults.bomb("users.getUsers", 20)
    with pytest.raises(UnreadableError, match="packed data is larger"):
        await client.get_me()
    await answered(stage, client, "one")
    check_log(caplog, stage)


@pytest.mark.parametrize("close", [True, False], ids=["closed", "open"])
@pytest.mark.parametrize("shape", list(Shape))
@pytest.mark.parametrize("code", [-404, -429, -444, -500, -1])
async def test_a_transport_error_costs_the_link_and_nothing_else(
    stage: Stage, caplog: pytest.LogCaptureFixture, code: int, shape: Shape, close: bool
) -> None:
    client = await stage.open(echo)
    await answered(stage, client, "one")
    stage.faults.send_transport_error(code, shape=shape, close=close)
    await answered(stage, client, "two", "three")
    assert stage.sandbox.calls[IMPORT] == 1
    check_log(caplog, stage)


@pytest.mark.parametrize("code", [-404, -429, -500])
async def test_transport_errors_in_a_row_are_met_with_growing_pauses(
    stage: Stage, caplog: pytest.LogCaptureFixture, code: int
) -> None:
    client = await stage.open(echo)
    stage.faults.transport_error(code, times=3)
    stage.faults.drop()
    await answered(stage, client, "one")
    assert client._link_state.links <= 6
    check_log(caplog, stage)


async def test_too_many_connections_are_said_once_with_longer_pauses(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    links = client._link_state.links
    stage.faults.transport_error(-429, times=3)
    stage.faults.drop()
    await answered(stage, client, "one")
    assert sum("too many connections" in message for message in caplog.messages) == 1
    assert client._link_state.links - links <= 5


@pytest.mark.parametrize("method", [SEND, "updates.getDifference"])
@pytest.mark.parametrize("code", [16, 17, 18, 19, 20, 32, 33, 34, 35, 48, 64, 99])
async def test_a_refused_message_is_sent_again_and_its_request_answered_once(
    stage: Stage, caplog: pytest.LogCaptureFixture, code: int, method: str
) -> None:
    client = await stage.open(echo)
    stage.faults.bad_msg(code, method, times=2)
    client.intake.begin_difference()
    await answered(stage, client, "one", "two")
    check_log(caplog, stage)


async def test_a_message_that_is_refused_again_and_again_goes_over_a_fresh_link_and_is_then_given_up(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    links = client._link_state.links
    stage.faults.bad_msg(64, SEND, times=8)
    ann = stage.meet()
    stage.write(ann, "one")
    await until(lambda: stage.heard(ann) == ["you said one"])
    assert links < client._link_state.links <= links + 2
    check_log(caplog, stage)


async def test_a_server_whose_clock_steps_is_heard_again_at_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    for ahead in (3 * 3600.0, -3 * 3600.0, 40 * 86400.0, 0.0):
        stage.faults.set_clock(ahead)
        await answered(stage, client, "one")
    check_log(caplog, stage)


async def test_bytes_that_are_no_packets_cost_the_link_and_nothing_else(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    for junk in (b"\0" * 40, SECRET.encode() * 8, struct.pack("<i", 2**31 - 1) + b"junk", b"\x01"):
        for connection in stage.sandbox.connections_of(stage.account.id):
            connection.send_bare(junk)
        if len(junk) == 1:
            stage.faults.drop()
        await answered(stage, client, "one")
    check_log(caplog, stage)


async def test_packets_that_nobody_sealed_are_passed_over_and_after_many_the_link_is_made_anew(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    client = await stage.open(echo)
    links = client._link_state.links
    key = struct.pack("<Q", client._sender.auth_key.key_id)
    packets = [bytes(56), key + bytes(16), key + bytes(48), key + SECRET.encode() * 4]
    for packet in packets:
        for connection in stage.sandbox.connections_of(stage.account.id):
            connection.send(packet)
    await answered(stage, client, "one")
    assert client._link_state.links == links
    for connection in stage.sandbox.connections_of(stage.account.id):
        for _ in range(20):
            connection.send(bytes(56))
    await until(lambda: client._link_state.links > links)
    await answered(stage, client, "two")
    check_log(caplog, stage)


async def test_a_lost_session_is_made_up_for_by_a_difference(stage: Stage) -> None:
    """The server restarts: it has forgotten sessions, and what it would have pushed to them."""
    client = await stage.open(echo)
    stage.faults.lose(1)
    ann = stage.meet()
    stage.write(ann, "one")
    await stage.sandbox.restart(0)
    await until(lambda: stage.heard(ann) == ["you said one"])
    assert not client.failed.done()
