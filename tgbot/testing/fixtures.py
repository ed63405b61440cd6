"""The fixtures: `bot`, `person`, `sandbox`, and `bot_settings` to be replaced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

# The rest is imported by the fixtures: pytest loads this module in every project where tgbot is installed.
if TYPE_CHECKING:
    from tgbot.sandbox.exchange import ServerKey
    from tgbot.sandbox.server import Sandbox
    from tgbot.testing.bot import Bot
    from tgbot.testing.person import NewPerson, Person


@contextmanager
def _plainly() -> Iterator[None]:
    """Let a failure fail the test with its text alone: a traceback would show code of fixtures only."""
    from tgbot.core.errors import ConfigError
    from tgbot.testing.failures import Failure

    problem = ""
    try:
        yield
    except (Failure, ConfigError) as failure:
        problem = str(failure)
    if problem:  # out of the `except`, so that pytest shows one of the two
        pytest.fail(problem, pytrace=False)


@pytest.fixture(scope="session")
def sandbox_key() -> ServerKey:
    """Return the one key of all sandboxes of a test run: making one takes as long as a short test."""
    from tgbot.sandbox.exchange import ServerKey

    return ServerKey.generate()


@pytest_asyncio.fixture
async def sandbox(sandbox_key: ServerKey) -> AsyncIterator[Sandbox]:
    """Yield a running sandbox; `sandbox.faults` makes it misbehave."""
    from tgbot.sandbox.server import Sandbox

    async with Sandbox(key=sandbox_key) as server:
        yield server


@pytest.fixture
def bot_settings() -> dict[str, Any]:
    """Return settings for the bot of every test, as the marker takes them; yours replaces this."""
    return {}


@pytest_asyncio.fixture
async def bot(
    request: pytest.FixtureRequest,
    sandbox: Sandbox,
    bot_settings: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Bot]:
    """Yield the bot, which runs; stop it at the end of the test."""
    from tgbot.testing.bot import Bot
    from tgbot.testing.configuration import overridden, project_sections

    project = Path(request.config.rootpath, request.config.getini("tgbot_config"))
    marked: dict[str, Any] = {}
    for marker in reversed(list(request.node.iter_markers("tgbot"))):  # the closest one last
        marked |= marker.kwargs
    how = {
        "username": marked.pop("username", "the_bot"),
        "name": marked.pop("name", "The Bot"),
        "in_process": marked.pop("in_process", False),
    }
    how |= {name: marked.pop(name) for name in ("command", "quiet") if name in marked}
    if command := how.setdefault("command", request.config.getini("tgbot_command")):
        if how["in_process"]:
            raise TypeError(f"a command is a process of its own, without in_process=True: {command}")
        sections: dict[str, Any] = {}
    else:
        with _plainly():
            sections = project_sections(project)
    sections = overridden(overridden(sections, bot_settings), marked)
    directory = tmp_path_factory.mktemp("bot")
    under_test = Bot(sandbox, sections, directory=directory, project=project.parent, **how)
    try:
        with _plainly():
            await under_test.start()
        yield under_test
    finally:
        with _plainly():
            await under_test.close()


@pytest_asyncio.fixture
async def person(bot: Bot) -> AsyncIterator[NewPerson]:
    """Yield a function that returns a new person, who is signed in until the end of the test."""
    from tgbot.testing.person import signed_in

    async with AsyncExitStack() as stack:

        async def new(
            name: str,
            *,
            username: str | None = None,
            language: str | None = None,
            premium: bool = False,
            admin: bool = False,
        ) -> Person:
            who = signed_in(bot, name, username=username, language=language, premium=premium)
            one = await stack.enter_async_context(who)
            bot.people.append(one)
            if admin:
                await bot.add_admin(one.id)
            return one

        yield new
        bot.people.clear()
