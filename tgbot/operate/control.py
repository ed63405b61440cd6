"""Commands to the running bot over a unix socket beside its session; docs/control.md describes them.

A client sends one line of JSON, `{"command": name, "arguments": {…}}`. It gets any number of lines
`{"progress": …}`, and at last `{"result": …}`, or `{"error": text, "status": exit status}`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import socket
import stat
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Concatenate, Final, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from tgbot.core.errors import ArgumentError, BotAnswerError, BotSilentError, TgbotError

logger = logging.getLogger(__name__)

#: Says how far a command is, as JSON has it; returns once the client has room for more.
Say: TypeAlias = Callable[[Mapping[str, object]], Awaitable[None]]
#: A command: `Say`, and arguments by name → what the result is, as JSON has it. The arguments are checked by
#: the annotations of the parameters. Its TgbotError is the answer, too.
Command: TypeAlias = Callable[Concatenate[Say, ...], Awaitable[object]]

#: The longest request, in bytes, and the longest answer.
REQUEST_BYTES: Final = 4 * 1024 * 1024
ANSWER_BYTES: Final = 64 * 1024 * 1024
#: How many clients are served at once; further ones are turned away.
MAX_CLIENTS: Final = 8
#: How long a client may take to send its request, and to read the answer, in seconds.
CLIENT_SECONDS: Final = 10.0
#: How long a command may take until its next line, in seconds.
COMMAND_SECONDS: Final = 60.0

#: The longest path of a socket, in bytes; the system's limit is 107, on some systems 103.
_PATH_BYTES: Final = 100


class CommandUnknownError(BotAnswerError):
    """{said}"""


class NotNowError(TgbotError):
    """This bot does not know the command now: its version is another, or it has not logged in yet."""


@asynccontextmanager
async def listening(
    path: Path,
    commands: Mapping[str, Command],
    *,
    unknown: Callable[[], TgbotError] = NotNowError,
    client_seconds: float = CLIENT_SECONDS,
) -> AsyncIterator[None]:
    """Carry out the commands of clients on this machine for as long as the block lasts.

    `unknown` returns what is answered to any other command.

    Only processes of the same user are heard. No client can keep the bot from anything: a slow, long or
    broken request is answered with an error, or cut off. Where no socket can be made the bot runs without,
    which is logged. The caller holds the lock of the session, so a socket that is there is left over.
    """
    server = None
    try:
        made = _bound(path)
    except OSError as error:
        logger.warning("no commands can be given to this bot: %s: %s", path, error.strerror or error)
    else:
        clients = _Clients(commands, unknown, client_seconds)
        server = await asyncio.start_unix_server(clients.serve, sock=made, limit=REQUEST_BYTES)
    try:
        yield
    finally:
        if server is not None:
            server.close()
            await clients.close()
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - no worse than the checkpoint beside it


async def carry_out(command: Command, arguments: Mapping[str, object], say: Say) -> object:
    """Return the result of a command; raise ArgumentError where it cannot be given these arguments."""
    try:
        checked = _form_of(command).model_validate(arguments)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False)[0]
        raise ArgumentError(wrong["loc"][0] if wrong["loc"] else "arguments", wrong["msg"]) from None
    return await command(say, **{name: getattr(checked, name) for name in type(checked).model_fields})


@cache
def _form_of(command: Command) -> type[BaseModel]:
    """Return the form of a command's arguments, which are its parameters behind the first."""
    _, *parameters = inspect.signature(command, eval_str=True).parameters.values()
    fields: dict[str, Any] = {
        each.name: (each.annotation, ... if each.default is each.empty else each.default)
        for each in parameters
    }
    return create_model("Arguments", __config__=ConfigDict(extra="forbid"), **fields)


def ask(
    path: Path,
    command: str,
    arguments: Mapping[str, object],
    *,
    heard: Callable[[Mapping[str, Any]], object] = lambda progress: None,
    seconds: float = COMMAND_SECONDS + CLIENT_SECONDS,
) -> Any:  # Any: a result as JSON has it
    """Return the result of a command of the running bot; `heard` is told how far it is.

    Raise FileNotFoundError or ConnectionRefusedError if no bot listens there, BotSilentError if it says
    nothing for `seconds`, BotAnswerError with what it says if it refuses, CommandUnknownError if it does not
    know the command now: it has not logged in yet, or stands by.
    """
    request = json.dumps({"command": command, "arguments": arguments})
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        try:
            with _address(path) as address:
                connection.connect(address)
            connection.sendall(request.encode() + b"\n")
        except (FileNotFoundError, ConnectionRefusedError):
            raise
        except OSError as error:
            raise BotSilentError(path, error.strerror or str(error)) from None
        with connection.makefile("rb") as answers:
            return _answer_in(answers, path, heard)


def _answer_in(
    answers: BinaryIO, path: Path, heard: Callable[[Mapping[str, Any]], object]
) -> Any:  # Any: a result as JSON has it
    while True:
        try:
            answer = json.loads(answers.readline(ANSWER_BYTES) or b"null")
        except (OSError, ValueError) as error:
            raise BotSilentError(path, getattr(error, "strerror", None) or str(error)) from None
        if not isinstance(answer, dict):
            raise BotSilentError(path, "it hung up: it has ended, or serves too many others")
        if "error" in answer:
            refusal = BotAnswerError if answer.get("known", True) else CommandUnknownError
            raise refusal(answer["error"], answer.get("status", 1))
        if "progress" not in answer:
            return answer["result"]
        heard(answer["progress"])


class _Clients:
    """Serves each client one command."""

    def __init__(
        self, commands: Mapping[str, Command], unknown: Callable[[], TgbotError], seconds: float
    ) -> None:
        self._commands = commands
        self._unknown = unknown
        self._seconds = seconds
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= MAX_CLIENTS or not _may_ask(writer):
            writer.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that is gone, slow or sends too much gets no answer.
        with suppress(OSError, ValueError, TimeoutError):
            try:
                async with asyncio.timeout(self._seconds):
                    line = await reader.readline()
                await self._send(writer, await self._answer(line, writer))
                async with asyncio.timeout(self._seconds):
                    writer.close()
                    await writer.wait_closed()
            finally:
                writer.transport.abort()

    async def close(self) -> None:
        """End what is under way."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _send(self, writer: asyncio.StreamWriter, line: Mapping[str, object]) -> None:
        writer.write(json.dumps(line).encode() + b"\n")
        async with asyncio.timeout(self._seconds):
            await writer.drain()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> dict[str, object]:
        try:
            request = json.loads(line)
            name, arguments = request["command"], request["arguments"]
            command = self._commands.get(name)
        except (ValueError, LookupError, TypeError, RecursionError):
            return {"error": "This is not a request.", "status": 2}
        if command is None or not isinstance(arguments, dict):
            refusal = self._unknown()
            return {"error": str(refusal), "status": refusal.exit_status, "known": False}

        async def say(progress: Mapping[str, object]) -> None:
            try:
                await self._send(writer, {"progress": progress})
            except (OSError, TimeoutError) as error:
                raise _GoneError from error
            limit.reschedule(asyncio.get_running_loop().time() + COMMAND_SECONDS)

        try:
            async with asyncio.timeout(COMMAND_SECONDS) as limit:
                return {"result": await carry_out(command, arguments, say)}
        except TgbotError as error:
            return {"error": str(error), "status": error.exit_status}
        except _GoneError:
            raise
        except TimeoutError:
            told = f"The command took longer than {COMMAND_SECONDS:g} s, and was given up; see: tgbot status"
            return {"error": told, "status": 1}
        except Exception as error:
            kind, place = type(error).__name__, traceback.format_tb(error.__traceback__)[-1].strip()
            logger.error("the command %s of a client failed: %s at %s", name, kind, place)
            return {"error": f"The command failed in the bot ({kind}); its log says where.", "status": 1}


class _GoneError(ConnectionError):
    """The client has closed the connection or does not read, and with that ends its command."""


def _bound(path: Path) -> socket.socket:
    """Return a socket that is bound to the path, in the place of one that is left there; mode 0600."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise FileExistsError(None, "there is something else than a socket")
        path.unlink()
    made = socket.socket(socket.AF_UNIX)
    try:
        os.fchmod(made.fileno(), 0o600)  # Linux gives the path this mode, so nobody else can connect before
        with _address(path) as address:
            made.bind(address)
        path.chmod(0o600)
    except BaseException:
        made.close()
        raise
    return made


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """Give an address of the path to `bind` or `connect`, for a long path by way of its open directory."""
    if len(os.fsencode(path)) <= _PATH_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _may_ask(writer: asyncio.StreamWriter) -> bool:
    """Return whether the client is a process of this process's user, or of root, as the kernel says."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # not Linux: the mode of the socket and its directory has to be enough
    # The loop's own object for the socket has not the same methods in asyncio and uvloop.
    with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as connection:
        size = struct.calcsize("3i")
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return uid in (os.geteuid(), 0)
