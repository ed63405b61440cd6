"""The bot's message to somebody who logged in, sent as soon as it may write to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from telethon import errors

from tgbot.core.access import Access, Kind
from tgbot.core.names import clean_name
from tgbot.core.places import places
from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import Sender
from tgbot.telegram import error_name, named_sends
from tgbot.telegram.refusals import Answer, answer_of, wait_of
from tgbot.web.login import Login

log = logging.getLogger(__name__)

#: Pauses after a greeting that Telegram put off without naming a time, in seconds; the last one repeats.
PAUSES: Final = (1, 5, 30, 300)
#: For how many seconds a greeting is put off in all; it says that the user has just logged in.
LONGEST_PUT_OFF: Final = 3600


@dataclass(slots=True, eq=False)
class Greeter:
    """Greets users who logged in, if Telegram allows it; a refusal is not an error.

    What Telegram puts off is sent again later, for up to an hour. All sends of one login have the same name,
    so that it is greeted once, whatever became of the answers and of the process.

    The access hash comes with the service message about write access, which may arrive after the browser's
    request. A message without it could be refused although the user allowed it, and the refusal would then
    be recorded. If it does not come in time, the message is sent with access hash 0.
    """

    users: UserRegistry
    sender: Sender
    texts: Texts
    domain: str
    #: Says whether the session has a user's access hash.
    knows: Callable[[int], bool]
    #: Seconds that the page waits for the greeting.
    patience: float
    #: Notes, by the login's digest, that the greeting is sent or given up.
    settle: Callable[[bytes], Awaitable[None]]
    #: Seconds that the greeting waits for the access hash.
    longest_wait: float = 30.0
    #: Waits for some seconds before a greeting that was put off.
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
    greetings: set[asyncio.Task[bool]] = field(default_factory=set)

    async def greet(self, login: Login, language: str) -> bool:
        """Return whether the greeting was sent within `patience`; it may follow.

        Its language is the one that the user chose or their app names, else `language`.
        """
        greeting = self.begin(login, language)
        await asyncio.wait((greeting,), timeout=self.patience)
        return greeting.done() and not greeting.cancelled() and not greeting.exception() and greeting.result()

    def begin(self, login: Login, language: str) -> asyncio.Task[bool]:
        """Begin to greet a user; return at once."""
        greeting = asyncio.create_task(self._settled(login, language))
        self.greetings.add(greeting)
        greeting.add_done_callback(self._ended)
        return greeting

    async def close(self) -> None:
        """Cancel the greetings that still wait."""
        for greeting in self.greetings:
            greeting.cancel()
        await asyncio.gather(*self.greetings, return_exceptions=True)

    async def _settled(self, login: Login, language: str) -> bool:
        greeted = await self._greet(login, language)
        await self.settle(login.digest)
        return greeted

    async def _greet(self, login: Login, language: str) -> bool:
        put_off = failures = 0
        while self._knows_of(login):
            await self._becomes_known(login.id)
            if (await self.sender.can_write(login.id)).access is not Access.REACHABLE:
                return False
            try:
                await self._send(login, language)
            except Exception as error:
                if (answer := answer_of(error)) is None:
                    raise
                name = error_name(error) if isinstance(error, errors.RPCError) else type(error).__name__
                if answer is not Answer.LATER:
                    log.info("user %d logged in but takes no message: %s", login.id, name)
                    return False
                pause = wait_of(error) or PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                put_off += pause
                if put_off > LONGEST_PUT_OFF:
                    log.warning("user %d logged in but was not greeted: %s", login.id, name)
                    return False
                await self.sleep(pause)
            else:
                return True
        return False

    def _knows_of(self, login: Login) -> bool:
        """Return whether the login is in the registry: it is not once the user has asked to be forgotten."""
        user = self.users.get(login.id)
        evidence = user.last_evidence(Kind.LOGIN) if user else None
        return evidence is not None and evidence.at >= login.auth_date

    async def _send(self, login: Login, language: str) -> None:
        user = self.users.get(login.id)
        spoken = (user.spoken if user else None) or language
        name = clean_name(user.first_name if user else login.first_name)
        text = self.texts.render(
            spoken, "login-hello" if name else "login-hello-nameless", name=name, domain=self.domain
        )
        with named_sends(f"login {login.digest.hex()}"):
            await self.sender.send(login.id, text)

    async def _becomes_known(self, user_id: int) -> None:
        """Return when the session has the access hash, or `longest_wait` is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.longest_wait
        pause = 0.02
        while not self.knows(user_id) and loop.time() < end:
            await asyncio.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _ended(self, greeting: asyncio.Task[bool]) -> None:
        self.greetings.discard(greeting)
        if not greeting.cancelled() and (error := greeting.exception()) is not None:
            log.error("a greeting after a login failed: %s", places(error))
