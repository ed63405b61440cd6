"""A prompt: typed lines go to the bot as messages of one of the people."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

from telethon.errors import RPCError, YouBlockedUserError

from tgbot.core.names import GAP
from tgbot.demo.person import Person
from tgbot.demo.stage import Stage
from tgbot.telegram import error_name

#: Brings in a person with this name, whose app has this language.
Invite: TypeAlias = Callable[[str, str], Awaitable[Person]]
#: Carries out a command of the server, and returns a sentence about it.
Command: TypeAlias = Callable[[str], Awaitable[str]]


class Prompt:
    """Carries out typed lines as one of `people` (by name in lower case), at first as the first of them.

    With `invite` people can be added, and with `server` the server can be told to misbehave.
    """

    def __init__(
        self,
        stage: Stage,
        people: dict[str, Person],
        *,
        invite: Invite | None = None,
        server: Command | None = None,
    ) -> None:
        self._stage = stage
        self._people = people
        self._invite = invite
        self._server = server
        self._speaker = next(iter(people.values()))
        self._commands = ["press", "block", "unblock"]
        self._commands += ["send", "as", "server"] if invite is not None and server is not None else []

    async def chat(self, lines: AsyncIterator[str]) -> bool:
        """Carry out lines until one says !quit, or there are no more; return whether one did."""
        async for line in lines:
            line = line.strip(GAP)
            word, rest = (*line.removeprefix("!").split(None, 1), "", "")[:2]
            word = word.lower() if line.startswith("!") else ""
            rest = rest.strip() if word else line
            if word == "quit":
                return True
            if word in self._people:
                self._speak_as(self._people[word])
            elif word == "as" and self._invite is not None:
                await self._as(self._invite, rest)
            elif word == "server" and self._server is not None:
                self._stage.note(await self._server(rest or "help"))
            elif line.startswith("!") and word not in self._commands:
                names = " ".join(f"!{name}" for name in (*self._people, *self._commands, "quit"))
                self._stage.note(f"Unknown command !{word}. Commands: {names}")
            elif line:
                await self._act(self._speaker, word, rest)
        return False

    async def _as(self, invite: Invite, rest: str) -> None:
        name, language = (*rest.split(), "", "")[:2]
        if not name:
            self._stage.note(
                "!as NAME: write as this person. !as NAME ru: somebody new, with an app in Russian."
            )
            return
        if name.lower() not in self._people:
            try:
                self._people[name.lower()] = await invite(name, language or "en")
            except RPCError as error:
                self._stage.note(f"Telegram refused that: {error_name(error)}.")
                return
        self._speak_as(self._people[name.lower()])

    def _speak_as(self, person: Person) -> None:
        self._speaker = person
        self._stage.note(f"You write as {person.name} now.")

    async def _act(self, speaker: Person, word: str, rest: str) -> None:
        """Carry out a command of a person, or let them say the rest; print why Telegram refuses."""
        stage = self._stage
        try:
            match word:
                case "block":
                    await speaker.block()
                    stage.note(f"{speaker.name} has blocked the bot.")
                case "unblock":
                    await speaker.unblock()
                    stage.note(f"{speaker.name} has unblocked the bot.")
                case "press":
                    await speaker.press(rest)
                case "send":
                    await speaker.send(*_read(rest))
                case _:
                    await speaker.say(rest)
        except LookupError as error:
            stage.note(f"{speaker.name} has no button “{rest}”. Buttons: {error}")
        except YouBlockedUserError:
            stage.note(f"{speaker.name} has blocked the bot and cannot write to it. First type: !unblock")
        except RPCError as error:
            stage.note(f"Telegram refused that: {error_name(error)}.")
        except OSError as error:
            stage.note(f"{rest} cannot be read ({error.strerror}).")


def _read(path: str) -> tuple[str, bytes]:
    """Return the name of a file and what is in it; raise OSError."""
    file = Path(path).expanduser()
    return file.name, file.read_bytes()
