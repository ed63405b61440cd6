"""What answers a command: the running bot, and where none runs, its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack
from typing import TYPE_CHECKING, Any, TypeAlias

from tgbot.cli.invocation import event_loop
from tgbot.core.errors import BotDeafError, NoBotRunsError, SessionInUseError

if TYPE_CHECKING:
    from tgbot.cli.invocation import Run
    from tgbot.config.settings import Config
    from tgbot.operate.control import Command

#: Opens the bot's files, and gives the commands on them.
Files: TypeAlias = "Callable[[Config], AbstractAsyncContextManager[Mapping[str, Command]]]"


class Bot:
    """Carries out commands, each in the running bot, else on files that are opened once; a context manager.

    The result of a command is the same either way, and so is its TgbotError. Without `files` only a running
    bot can be asked.
    """

    def __init__(self, config: Config, files: Files | None = None) -> None:
        self._config = config
        self._files = files
        self._opened = ExitStack()
        self._run: Run | None = None
        self._commands: Mapping[str, Command] = {}
        #: Whether a running bot gave the last answer.
        self.running = False
        #: Where the bot's files are.
        self.directory = config.storage.directory

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, *why: object) -> None:
        self._opened.close()

    def ask(
        self, command: str, heard: Callable[[Mapping[str, Any]], object] | None = None, **arguments: object
    ) -> Any:  # Any: a result as JSON has it
        """Return the result of a command; `heard` is told how far the running bot is with it.

        Raise BotDeafError where a bot runs and cannot be asked, and the command needs its files for itself;
        NoBotRunsError where it needs a running bot.
        """
        return self._answer(command, arguments, heard or (lambda progress: None))

    def _answer(
        self, command: str, arguments: Mapping[str, object], heard: Callable[[Mapping[str, Any]], object]
    ) -> Any:  # Any: as for `ask`
        from tgbot.operate.control import CommandUnknownError, ask, carry_out

        storage = self._config.storage
        try:
            result = ask(storage.control, command, arguments, heard=heard)
        except (FileNotFoundError, ConnectionRefusedError):
            self.running = False
        except CommandUnknownError:
            # A node that stands by has nothing in memory that is not in the database.
            if self._files is None or not storage.address:
                raise
            self.running = False
        else:
            self.running = True
            return result
        if self._run is None:
            self._open()
        assert self._run is not None
        return self._run(carry_out(self._commands[command], arguments, _nobody))

    def pages(self, command: str, field: str, **arguments: object) -> Iterator[dict[str, Any]]:
        """Yield what is in the field of each page of a command that has pages."""
        while True:
            page = self._answer(command, arguments, lambda progress: None)
            yield from page[field]
            if page["after"] is None:
                return
            arguments["after"] = page["after"]

    def _open(self) -> None:
        from tgbot.store.lock import check_unlocked

        storage = self._config.storage
        try:
            if self._files is None:
                check_unlocked(storage.session)
                raise NoBotRunsError(storage.directory)
            run = self._run = self._opened.enter_context(event_loop())
            stack = AsyncExitStack()
            self._commands = run(stack.enter_async_context(self._files(self._config)))
        except SessionInUseError as error:
            raise BotDeafError(storage.session, storage.control, error.pid) from None
        self._opened.callback(lambda: run(stack.aclose()))


def flushed(config: Config) -> bool:
    """Have the running bot put all on disk, so that its files tell the truth; return whether one runs."""
    from tgbot.operate.control import CommandUnknownError, ask

    try:
        ask(config.storage.control, "checkpoint", {})
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except CommandUnknownError:
        if not config.storage.address:
            raise
        return False  # a node that stands by
    return True


async def _nobody(progress: Mapping[str, object]) -> None:
    """Take what nobody waits for."""
