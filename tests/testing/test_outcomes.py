"""How runs of pytest end whose tests use the plugin: by themselves, with failures, and cut off."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.patience import PATIENCE
from tgbot.testing import plugin

INI = """
[pytest]
asyncio_mode = strict
asyncio_default_fixture_loop_scope = function
filterwarnings = error
addopts = --strict-markers --strict-config {loaded} -p no:cacheprovider
"""
CONFIG = """
[telegram]
bot_token = "123:not-for-tests"
[bot]
plugins = ["tests.testing.shop"]
[login]
listen = "127.0.0.1:1"
"""


def loaded() -> str:
    """Return the option that loads the plugin, where its entry point is not installed."""
    installed = any(each.value == plugin.__name__ for each in entry_points(group="pytest11"))
    return "" if installed else f"-p {plugin.__name__}"


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return an empty project with a configuration of a bot, whose tests are in strict mode."""
    root = Path(__file__).parents[2]
    monkeypatch.setenv("PYTHONPATH", str(root))
    # The settings of a real bot: no test may take them.
    monkeypatch.setenv("TGBOT_SERVER", "127.0.0.1:1")
    monkeypatch.setenv("TGBOT_PLUGINS", "nowhere")
    pytester.makefile(".ini", pytest=INI.format(loaded=loaded()))
    pytester.makefile(".toml", config=CONFIG)
    return pytester


def test_a_failure_shows_the_line_of_the_test_the_dialog_and_the_log(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import pytest
        from tgbot.testing import BotDiedError

        pytestmark = pytest.mark.asyncio

        @pytest.mark.tgbot(in_process=True)
        async def test_passes(bot, person):
            anna = await person("Anna")
            await anna.says("echo hello")
            await anna.hears("echo hello")

        @pytest.mark.tgbot(in_process=True)
        async def test_hears_another_answer(bot, person):
            anna = await person("Anna")
            await anna.says("echo hello")
            await anna.hears("good bye")

        async def test_asks_a_bot_that_dies(bot, person):
            anna = await person("Anna")
            await anna.says("/crash")
            await anna.hears("good bye", within=60)

        @pytest.mark.tgbot(in_process=True)
        async def test_expects_that_the_bot_dies(bot, person, sandbox):
            anna = await person("Anna")
            sandbox.world.delete_account(bot.id)
            sandbox.faults.drop(bot.id)
            with pytest.raises(BotDiedError, match="exited with status 1"):
                await anna.hears("a message of the dead", within=60)

        @pytest.mark.tgbot(in_process=True)
        async def test_does_not_notice_that_the_bot_dies(bot, sandbox):
            sandbox.world.delete_account(bot.id)
            sandbox.faults.drop(bot.id)
            await bot.bell.until(lambda: bot.crashed, 60)

        @pytest.mark.tgbot(plugins=["not_there"])
        async def test_has_a_plugin_that_is_not_there(bot):
            raise AssertionError("not reached")

        @pytest.mark.tgbot(plugins=["not_there_either"], in_process=True)
        async def test_has_no_plugin_in_the_process(bot):
            raise AssertionError("not reached")
        """
    )
    result = project.runpytest_subprocess()
    result.assert_outcomes(passed=3, failed=2, errors=3)
    text = result.stdout.str()
    assert "tgbot/testing" not in text
    assert "bot_token" not in text
    result.stdout.fnmatch_lines_random(
        [
            '>*await anna.hears("good bye")',
            "E*Anna expected 'good bye', and heard:",
            "E*The dialogs so far:",
            "E*Anna → bot: echo hello",
            "E*bot → Anna: echo hello",
            "E*The last lines of the bot's log:",
            "E*the bot died: it exited with status 7",
            "E*INFO tgbot.run: running as @the_bot*",
            "the bot died: it exited with status 1",
            "the bot did not start: it exited with status 2",
            "*tgbot: The plugin not_there cannot be used: No module named 'not_there'*",
            "the bot did not start: The plugin not_there_either cannot be used: *",
        ]
    )


def test_without_pytest_asyncio_the_fixtures_say_what_to_install(project: pytest.Pytester) -> None:
    project.makefile(".ini", pytest=f"[pytest]\naddopts = {loaded()} -p no:asyncio -p no:cacheprovider")
    project.makepyfile("def test_a(bot): pass\ndef test_b(person): pass")
    result = project.runpytest_subprocess()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["tgbot's fixtures need pytest-asyncio: pip install 'tgbot[[]testing]'"])


def test_a_project_that_does_not_use_the_plugin_does_not_pay_for_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_imports():
            assert "tgbot.testing.fixtures" in sys.modules
            loaded = {name.partition(".")[0] for name in sys.modules}
            assert not loaded & {"telethon", "pydantic", "cryptography"}
            assert {name for name in sys.modules if name.startswith("tgbot")} == {
                "tgbot", "tgbot.testing", "tgbot.testing.plugin", "tgbot.testing.fixtures"
            }
        """
    )
    project.runpytest_subprocess().assert_outcomes(passed=1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_cut_off_leaves_no_bot_behind(project: pytest.Pytester, number: int) -> None:
    project.makepyfile(
        """
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_waits(bot, person):
            anna = await person("Anna")
            await anna.says("echo ready")
            await anna.hears("echo ready")
            print("READY", flush=True)
            await asyncio.Event().wait()
        """
    )
    # The bot inherits standard output: it is closed, and so read to its end, once the last process has ended.
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", "-q", "--tb=no"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=project.path,
        env=dict(os.environ),
    )
    assert run.stdout is not None
    seen = []
    for line in run.stdout:
        seen.append(line)
        if b"READY" in line:
            break
    else:
        pytest.fail(b"".join(seen).decode())
    run.send_signal(number)
    run.communicate(timeout=PATIENCE)
    assert run.returncode == (2 if number == signal.SIGINT else -number)
