"""How `tgbot run` stops: what each signal does, the exit status, and what the last line says."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import *  # noqa: F403 - the fixtures of a bot on the sandbox
from tests.scenarios.conftest import Configure
from tests.scenarios.crash import PLUGIN, Process, Site
from tests.scenarios.crash import until as wait_until
from tests.scenarios.talk import until
from tests.test_app import CLOSED, course, plugin, texts
from tgbot import run, signals
from tgbot.core.errors import LoginRefusedError
from tgbot.sandbox.accounts import Bot as Account
from tgbot.sandbox.server import Sandbox
from tgbot.signals import SIGNALS, StopSignals
from tgbot.store.sqlite.userfile import SqliteRegistry

__all__ = ["course", "plugin"]  # fixtures


# ---- running until a signal ------------------------------------------------------------------------


@pytest.fixture
def stops() -> Iterator[StopSignals]:
    """What the signals do to a bot that runs in this process."""
    with StopSignals() as stops:
        yield stops


@pytest.mark.parametrize("number", SIGNALS)
async def test_run_returns_0_at_a_signal_when_all_is_on_disk(
    configure: Configure,
    sandbox: Sandbox,
    account: Account,
    number: signal.Signals,
    stops: StopSignals,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "tgbot")
    settings = configure()
    running = asyncio.create_task(run.run(settings, stops))
    await until(lambda: "running as @the_bot" in caplog.text)
    ann = sandbox.world.new_user("Ann")
    sandbox.world.send_as(ann.id, account.id, "/start spring")
    await until(lambda: bool(texts(sandbox, account, ann.id)))
    os.kill(os.getpid(), number)
    async with asyncio.timeout(60):
        assert await running == 0
    assert caplog.messages[-1] == "stopped; everything is on disk"
    assert stops.answer is signals.ignore
    users = SqliteRegistry(settings.storage.registry, clock=time.time)
    assert (found := users.get(ann.id)) is not None
    assert found.first_name == "Ann"
    users.close()


async def test_run_raises_the_error_that_ended_the_bot(
    configure: Configure, sandbox: Sandbox, account: Account, course: list[str]
) -> None:
    running = asyncio.create_task(run.run(configure(), StopSignals()))
    await until(lambda: "updates" in course)
    sandbox.world.accounts.new_token(sandbox.world.accounts[account.id])
    sandbox.drop(account.id)
    with pytest.raises(LoginRefusedError):
        async with asyncio.timeout(60):
            await running
    assert course[-3:] == CLOSED


async def test_a_bot_that_cannot_go_on_does_not_wait_for_what_is_under_way(
    configure: Configure,
    sandbox: Sandbox,
    account: Account,
    plugin: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = asyncio.Event()
    monkeypatch.setattr(run, "begun", begun, raising=False)
    name = plugin(
        "app_hangs",
        "import asyncio\n"
        "from telethon import events\n"
        "from tgbot import run\n"
        "def register(client):\n"
        "    @client.on(events.NewMessage)\n"
        "    async def hang(event):\n"
        "        run.begun.set()\n"
        "        await asyncio.Event().wait()\n",
    )
    running = asyncio.create_task(run.run(configure(plugins=[name], grace_seconds=60.0), StopSignals()))
    ann = sandbox.world.new_user("Ann")
    while not begun.is_set() and not running.done():  # what comes before the first login is not taken
        sandbox.world.send_as(ann.id, account.id, "hang")
        await asyncio.sleep(0.1)
    sandbox.world.accounts.new_token(sandbox.world.accounts[account.id])
    sandbox.drop(account.id)
    with pytest.raises(LoginRefusedError):
        async with asyncio.timeout(60):
            await running
    assert "not everything finished" not in caplog.text


async def test_run_raises_what_kept_it_from_opening(configure: Configure, account: Account) -> None:
    with pytest.raises(LoginRefusedError):
        await run.run(configure(token=f"{account.id}:{'x' * 35}"), StopSignals())


# ---- the real command ------------------------------------------------------------------------------


@pytest.fixture
async def site(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Site]:
    """A bot of the sandbox that `spawn` runs as a process of its own; a text "hang" is never answered."""
    made = Site(tmp_path, sandbox, 1, {"grace_seconds": 30.0})
    yield made
    if made.process is not None and made.process.running:
        await made.process.end(signal.SIGKILL)


async def stop_begun(process: Process, number: int) -> None:
    """Return when the process has begun to stop."""
    process.signal(number)
    await wait_until(lambda: any("a second signal ends" in line for line in process.log), "it stops")


@pytest.mark.parametrize("number", SIGNALS)
async def test_a_second_signal_ends_at_once_with_its_own_status_and_loses_nothing(
    site: Site, number: signal.Signals
) -> None:
    process = await site.spawn()
    await process.up()
    ann = site.world.new_user("Ann")
    site.said(ann.id, "hold 1")
    await wait_until((site.directory / "holding").exists, "the handler holds")
    await stop_begun(process, number)
    assert process.running
    assert await process.end(number) == 128 + number
    assert not any("everything is on disk" in line for line in process.log)
    (site.directory / "go").touch()
    await (await site.spawn()).up()
    await wait_until(lambda: any(copy.out for copy in site.dialog(ann.id)), "it is answered after all")
    assert await site.end() == 0
    assert [copy.post.text for copy in site.dialog(ann.id) if copy.out] == ["echo hold 1"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_while_telegram_is_unreachable_a_signal_ends_with_status_0(
    site: Site, number: signal.Signals
) -> None:
    await site.sandbox.stop()
    process = await site.spawn()
    await wait_until(lambda: any("no connection to" in line for line in process.log), "it says so")
    assert await process.end(number) == 0
    assert not process.faults


async def test_a_link_that_is_lost_while_it_serves_does_not_keep_it_from_ending_with_status_0(
    site: Site,
) -> None:
    process = await site.spawn()
    await process.up()
    await site.sandbox.stop()
    await wait_until(lambda: any("no connection to" in line for line in process.log), "it says so")
    assert await process.end(signal.SIGTERM) == 0
    assert not process.faults


async def test_a_token_of_another_bot_is_one_line_and_status_2(site: Site) -> None:
    process = await site.spawn()
    await process.up()
    assert await process.end(signal.SIGTERM) == 0
    other = site.sandbox.new_bot("other_bot")
    file = site.directory / "config.toml"
    file.write_text(file.read_text().replace(site.bot.token, other.token))
    process = await site.spawn()
    assert await process.ended() == 2
    (line,) = process.log
    assert line.startswith("tgbot: The session ")
    assert f"belongs to bot {site.bot.id}, the token to bot {other.id}" in line
    assert other.token not in line


async def test_a_refused_token_is_one_line_and_status_1(site: Site) -> None:
    site.world.accounts.new_token(site.account)
    process = await site.spawn()
    assert await process.ended() == 1
    assert process.log[-1].startswith("tgbot: Telegram refuses the login of the bot (ACCESS_TOKEN_EXPIRED)")
    assert not process.faults
    assert not any(site.bot.token in line for line in process.log)


async def test_a_second_bot_on_the_same_session_is_one_line_and_status_1(site: Site) -> None:
    first = await site.spawn()
    await first.up()
    second = await site.spawn()
    assert await second.ended() == 1
    (line,) = second.log
    assert line.startswith("tgbot: The session ")
    assert f"in use by another process (pid {first.pid})" in line
    assert await first.end(signal.SIGTERM) == 0


#: A plugin that lets no file grow from now on, as on a full disk, and asks the bot to stop.
FULL_DISK = """
import asyncio, os, resource, signal
from telethon import events
from tgbot.core.access import Evidence, Kind

def register(client, *, users):
    def stop_without_a_disk():
        users.record(1, Evidence(Kind.MESSAGE, 1))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        os.kill(os.getpid(), signal.SIGTERM)

    async def start_updates():
        stop_without_a_disk()
        await asyncio.Event().wait()

    async def on_message(event):
        stop_without_a_disk()

    if STARTING:
        client.start_updates = start_updates
    else:
        client.add_event_handler(on_message, events.NewMessage)
"""


@pytest.mark.parametrize("starting", [True, False], ids=["while it starts", "while it serves"])
async def test_a_stop_whose_last_checkpoint_fails_says_so_with_status_1(site: Site, starting: bool) -> None:
    (site.directory / "crash_plugin.py").write_text(FULL_DISK.replace("STARTING", str(starting)))
    file = site.directory / "config.toml"  # what the answer waits for will not come, so do not wait for it
    file.write_text(file.read_text().replace("grace_seconds = 30.0", "grace_seconds = 1.0"))
    process = await site.spawn()
    if not starting:
        await process.up()
        site.said(site.world.new_user("Ann").id, "stop")
    assert await process.ended() == 1
    assert process.log[-1].startswith(f"tgbot: {site.registry} cannot be ")
    assert any("stopping (SIGTERM)" in line for line in process.log)
    assert not any("everything is on disk" in line for line in process.log)


async def test_a_server_that_never_answers_does_not_hold_up_a_stop(site: Site) -> None:
    connected = asyncio.Event()
    server = site.sandbox
    await server.stop()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, server.host, server.port):
        process = await site.spawn()
        await connected.wait()
        assert await process.end(signal.SIGTERM) == 0
    assert not process.faults


def kill_itself_while_importing(module: str, number: int, site: Site) -> None:
    """Have the bot's process send itself a signal when it imports a module, and then wait."""
    (site.directory / f"{module}.py").write_text(
        f"import os, signal\nos.kill(os.getpid(), {number})\nsignal.pause()\n"
    )


# The modules in the order in which they are imported: typer by the first command, cryptg by Telethon.
@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("module", ["typer", "pydantic", "cryptg"])
async def test_a_signal_while_modules_are_imported_ends_with_status_0(
    site: Site, module: str, number: signal.Signals
) -> None:
    kill_itself_while_importing(module, number, site)
    process = await site.spawn()
    assert await process.ended() == 0
    assert not process.log


def can_be_process_1() -> bool:
    try:
        return not subprocess.run([*PROCESS_1, "true"], capture_output=True, check=False).returncode
    except OSError:
        return False


#: Makes a command process 1 of a space of its own, as in a container.
PROCESS_1 = ("unshare", "--fork", "--pid", "--mount-proc")


@pytest.mark.skipif(not can_be_process_1(), reason="needs the right to make a space of processes")
@pytest.mark.parametrize("module", ["typer", "cryptg"])
async def test_process_1_does_not_miss_a_signal_while_modules_are_imported(site: Site, module: str) -> None:
    kill_itself_while_importing(module, signal.SIGTERM, site)
    process = await site.spawn(*PROCESS_1)
    assert await process.ended() == 0


async def test_what_nohup_starts_goes_on_after_a_hangup(site: Site) -> None:
    process = await site.spawn("nohup")
    await process.up()
    process.signal(signal.SIGHUP)
    ann = site.world.new_user("Ann")
    site.said(ann.id, "still there?")
    await wait_until(lambda: any(copy.out for copy in site.dialog(ann.id)), "it answers")
    assert await process.end(signal.SIGTERM) == 0


#: A plugin with which the start fails; while it closes, somebody asks the bot to stop.
FAILING = """
import asyncio, os, signal

def register(client):
    disconnect = client.disconnect

    async def slow():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        await disconnect()

    client.disconnect = slow
    raise ValueError("no")
"""


async def test_a_signal_after_the_start_has_failed_does_not_hide_the_failure(site: Site) -> None:
    (site.directory / "crash_plugin.py").write_text(FAILING)
    process = await site.spawn()
    assert await process.ended() == 2
    assert process.log[-1].startswith(
        "tgbot: The plugin crash_plugin cannot be used: register raised ValueError"
    )


async def test_a_bot_without_pages_has_not_imported_what_serves_them(site: Site) -> None:
    process = await site.spawn()
    await process.up()
    assert "/aiohttp/" not in (Path("/proc") / str(process.pid) / "maps").read_text()
    assert await process.end(signal.SIGTERM) == 0


#: A plugin whose handler never gives the loop back.
HANGING = """
import time
from pathlib import Path
from telethon import events

def register(client):
    async def hang(event):
        (Path(__file__).parent / "hanging").touch()
        while True:
            time.sleep(0.1)

    client.add_event_handler(hang, events.NewMessage)
"""


async def test_a_second_signal_ends_a_bot_whose_handler_blocks_everything(site: Site) -> None:
    (site.directory / "crash_plugin.py").write_text(HANGING)
    process = await site.spawn()
    await process.up()
    site.said(site.world.new_user("Ann").id, "hang")
    await wait_until((site.directory / "hanging").exists, "the handler hangs")
    process.signal(signal.SIGTERM)
    await wait_until(lambda: not pending(process.pid, signal.SIGTERM), "the first signal is received")
    assert await process.end(signal.SIGTERM) == 128 + signal.SIGTERM


def pending(pid: int, number: int) -> bool:
    """Return whether a signal waits for a process: two of the same that wait become one."""
    status = Path(f"/proc/{pid}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd"))
    return bool(int(mask, 16) >> (number - 1) & 1)


#: A plugin with errors that nobody takes; each has a text that must not be shown.
CARELESS = """
import asyncio, logging, threading

class Unclean:
    def __del__(self):
        raise ValueError("planted words")

def register(client):
    async def fail(text):
        raise ValueError(text)

    def fail_at_once(text):
        raise ValueError(text)

    loop = asyncio.get_running_loop()
    loop.create_task(fail("planted words"))
    loop.call_soon(fail_at_once, "planted words")
    thread = threading.Thread(target=fail_at_once, args=("planted words",))
    thread.start()
    thread.join()
    Unclean()
    logging.getLogger("plugin").info("%d", "planted words")
"""


async def test_errors_that_nobody_takes_are_logged_with_their_place_and_without_their_text(
    site: Site,
) -> None:
    (site.directory / "crash_plugin.py").write_text(CARELESS)
    process = await site.spawn()
    await process.up()
    assert await process.end(signal.SIGTERM) == 0
    log = "\n".join(process.log)
    assert "planted words" not in log
    for said in (
        r"the task register.fail \(crash_plugin.*\) failed: ValueError < crash_plugin.py:10 in fail",
        r"a callback failed: ValueError < crash_plugin.py:13 in fail_at_once",
        r"a thread failed: ValueError < crash_plugin.py:13 in fail_at_once",
        r"an error was ignored: ValueError < crash_plugin.py:6 in __del__",
        r"a line of the log cannot be written \(.*crash_plugin.py:22\)",
    ):
        assert re.search(said, log), said


#: A plugin that ends the bot with an error that nothing expects.
BREAKING = """
def register(client):
    async def start_updates():
        raise LookupError("planted words")

    client.start_updates = start_updates
"""


async def test_an_unexpected_error_shows_its_place_and_not_its_text(site: Site) -> None:
    (site.directory / "crash_plugin.py").write_text(BREAKING)
    process = await site.spawn()
    assert await process.ended() == 1
    log = "\n".join(process.log)
    assert "planted words" not in log
    assert "tgbot: unexpected LookupError" in log
    assert "crash_plugin.py" in log
    assert "report this as a defect" in process.log[-1]


# ---- standard error --------------------------------------------------------------------------------


Spawn = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
async def spawn(site: Site) -> AsyncIterator[Spawn]:
    """Starts `tgbot run` with its standard error on a file descriptor, which is closed here."""
    started: list[asyncio.subprocess.Process] = []

    async def spawn(stderr: int, *before: str) -> asyncio.subprocess.Process:
        command = (sys.executable, "-m", "tgbot.cli", "--config", str(site.directory / "config.toml"), "run")
        process = await asyncio.create_subprocess_exec(
            *before,
            *command,
            env=os.environ | {"PYTHONPATH": f"{site.directory}{os.pathsep}{os.getcwd()}"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=stderr,
        )
        os.close(stderr)
        started.append(process)
        return process

    yield spawn
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def answered(site: Site, text: str) -> None:
    """Return when the bot has answered this text of somebody."""
    ann = site.world.new_user("Ann").id
    site.said(ann, text)
    await wait_until(lambda: f"echo {text}" in [copy.post.text for copy in site.dialog(ann)], "it answers")


async def ended(process: asyncio.subprocess.Process, number: int = 0) -> int:
    """Return the exit status, after a signal if one is given."""
    if number:
        process.send_signal(number)
    async with asyncio.timeout(60):
        return await process.wait()


@pytest.fixture
async def known(site: Site) -> Site:
    """A site whose bot has logged in before: what people write to it while it is off is answered."""
    await (await site.spawn()).up()
    assert await site.end() == 0
    return site


def full_pipe() -> tuple[int, int]:
    """Return the ends of a pipe that takes nothing more until it is read."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, b"-" * 4095 + b"\n")
    os.set_blocking(writing, True)
    return reading, writing


def read_all(reading: int) -> str:
    with os.fdopen(reading, "rb") as pipe:
        return pipe.read().decode()


async def test_a_standard_error_that_nobody_reads_holds_up_neither_the_bot_nor_its_stop(
    known: Site, spawn: Spawn
) -> None:
    reading, writing = full_pipe()
    process = await spawn(writing)
    await answered(known, "hello")
    assert await ended(process, signal.SIGTERM) == 0
    os.close(reading)


async def test_an_error_that_nobody_reads_does_not_hold_up_the_end(site: Site, spawn: Spawn) -> None:
    (site.directory / "crash_plugin.py").unlink()
    reading, writing = full_pipe()
    process = await spawn(writing)
    assert await ended(process) == 2
    os.close(reading)


#: A plugin that logs more lines than wait for a reader.
TALKATIVE = PLUGIN.replace(
    "        text = event.raw_text\n",
    """\
        text = event.raw_text
        import logging
        for number in range(LINES):
            logging.getLogger("talkative").info("line %d", number)
""",
)


async def test_lines_that_found_no_room_are_counted_once_there_is_room(known: Site, spawn: Spawn) -> None:
    (known.directory / "crash_plugin.py").write_text(TALKATIVE.replace("LINES", "100_000"))
    reading, writing = full_pipe()
    process = await spawn(writing)
    await answered(known, "hello")
    process.send_signal(signal.SIGTERM)
    lines = (await asyncio.to_thread(read_all, reading)).splitlines()
    assert await ended(process) == 0
    counts = [re.fullmatch(r"tgbot: ([\d,]+) lines? of the log dropped: .*", line) for line in lines]
    dropped = sum(int(count[1].replace(",", "")) for count in counts if count)
    seen = sum("talkative: line" in line for line in lines)
    assert dropped > 10_000
    assert seen > 10_000
    assert dropped + seen >= 100_000


async def test_no_line_is_dropped_while_somebody_reads(known: Site, spawn: Spawn) -> None:
    (known.directory / "crash_plugin.py").write_text(TALKATIVE.replace("LINES", "30_000"))
    reading, writing = os.pipe()
    process = await spawn(writing)
    text = asyncio.create_task(asyncio.to_thread(read_all, reading))
    await answered(known, "hello")
    assert await ended(process, signal.SIGTERM) == 0
    numbers = re.findall(r"talkative: line (\d+)", await text)
    assert numbers == [str(number) for number in range(30_000)]
    assert "dropped" not in await text


async def test_a_reader_of_standard_error_that_has_gone_does_not_end_the_bot(
    known: Site, spawn: Spawn
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = await spawn(writing)
    await answered(known, "hello")
    assert await ended(process, signal.SIGTERM) == 0


#: Runs a command with its standard files closed.
CLOSED_FILES = ("sh", "-c", 'exec "$@" 2>&- >&- <&-', "-")


async def test_no_file_takes_the_place_of_a_closed_standard_error(known: Site, spawn: Spawn) -> None:
    process = await spawn(os.open(os.devnull, os.O_WRONLY), *CLOSED_FILES)
    await answered(known, "hello")
    for number in range(3):
        assert os.readlink(f"/proc/{process.pid}/fd/{number}") == os.devnull
    assert await ended(process, signal.SIGTERM) == 0


def test_signals_are_left_as_they_were() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopSignals():
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
