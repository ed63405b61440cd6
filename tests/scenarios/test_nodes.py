"""Two machines for one bot: which of them answers when one is killed, stopped, cut off or handed over."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests.postgres import PostgresServer
from tests.scenarios.crash import PLUGIN
from tests.scenarios.nodes import open_nodes
from tgbot import __version__

pytestmark = pytest.mark.long

#: Says whether the collector was settled before the bot began, when nobody waited for an answer.
SETTLED = """
import gc
import sys

echoes = register

def register(client):
    print("settled" if gc.get_freeze_count() else "not settled", file=sys.stderr)
    echoes(client)
"""


async def test_the_other_node_leads_after_a_handover_a_kill_and_a_stop(
    tmp_path: Path, database_url: str
) -> None:
    async with open_nodes(tmp_path, database_url, plugin=PLUGIN + SETTLED) as nodes:
        left = await nodes.start("left")
        await left.leads()
        assert left.count("settled") == 1
        assert left.count("not settled") == 0
        links = nodes.site.sandbox.connections
        right = await nodes.start("right")
        await right.stands_by()
        await nodes.answered("to left")

        # A standby is not connected to Telegram, tells who leads, and carries nothing out.
        assert nodes.site.sandbox.connections == links
        status, (code, _, err), found = await asyncio.gather(
            nodes.ask("right", "status"), nodes.command("right", "drain"), nodes.ask("right", "nodes")
        )
        assert not status["ready"]
        assert status["trouble"] == "standby: left leads"
        assert status["node"] == {
            "name": "right",
            "leads": False,
            "leader": "left",
            "epoch": 1,
            "holds": False,
        }
        assert (code, "The node left leads the bot" in err) == (3, True)
        assert (found["leader"], found["epoch"]) == ("left", 1)
        assert [(one["name"], one["state"], one["version"]) for one in found["nodes"]] == [
            ("left", "leads", __version__),
            ("right", "standby", __version__),
        ]

        # Handed over: the other leads, in the next epoch, and this one stands by in the same process.
        nodes.say("on the way")
        done = await nodes.ask("left", "handover", "right")
        assert (done["from"], done["to"], done["epoch"]) == ("left", "right", 2)
        await right.leads()
        await nodes.answered("to right")
        await left.stands_by(2)
        assert left.running

        # Killed: the other leads without being asked.
        right.signal(signal.SIGKILL)
        nodes.say("while nobody leads")
        await left.leads(2)
        await nodes.answered("to left again")
        assert left.count("right has not renewed its lease") == 1

        # Stopped: everything is in the database, and the lease is free at once.
        assert await left.end(signal.SIGTERM) == 0
        assert left.log[-1].endswith("stopped; everything is on disk")
        code, out, _ = await nodes.command("left", "nodes")
        assert (code, out.startswith("No node leads (epoch 3).")) == (3, True)
        assert nodes.each_once()


async def test_a_node_that_slept_says_nothing_twice_and_stands_by(tmp_path: Path, database_url: str) -> None:
    async with open_nodes(tmp_path, database_url) as nodes:
        left = await nodes.start("left")
        await left.leads()
        await nodes.answered("first")
        right = await nodes.start("right")
        await right.stands_by()
        for number in range(30):
            nodes.say(f"held {number}")
        left.signal(signal.SIGSTOP)
        await right.leads()
        await nodes.answered("last")
        pid = left.pid
        left.signal(signal.SIGCONT)
        await left.stands_by(2)
        (line,) = [line for line in left.log if "does not lead any more" in line]
        assert "the node right (epoch 2) does: it sends and writes nothing more" in line
        assert not left.faults
        await nodes.answered("after all")
        assert (await nodes.ask("left", "status"))["pid"] == pid
        assert [await node.end(signal.SIGTERM) for node in (left, right)] == [0, 0]
        assert nodes.each_once()


async def test_a_database_that_is_restarted_ends_no_node(tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.new_database()
    async with open_nodes(tmp_path, url, lease="5s") as nodes:
        left = await nodes.start("left")
        await left.leads()
        right = await nodes.start("right")
        await right.stands_by()
        await nodes.answered("before")
        postgres.stop()
        nodes.say("while it is away")
        await left.logs("cannot be reached now")
        await asyncio.to_thread(postgres.start)
        await nodes.answered("after")
        assert left.running
        assert right.running
        assert [await node.end(signal.SIGTERM) for node in (right, left)] == [0, 0]
        assert nodes.each_once()


async def test_a_node_waits_for_its_database_and_two_of_one_name_do_not_run(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.new_database()
    async with open_nodes(tmp_path, url) as nodes:
        postgres.stop()
        first = await nodes.start("same")
        try:
            await first.logs("waiting for the database")
        finally:
            await asyncio.to_thread(postgres.start)
        await first.leads()
        twin = nodes.directory("twin") / "config.toml"
        twin.write_text(twin.read_text().replace('node = "twin"', 'node = "same"'))
        second = await nodes.start("twin")
        assert await second.ended() == 1
        assert "give each node a name of its own" in second.log[-1]
        await nodes.answered("still here")
        assert await first.end(signal.SIGTERM) == 0
