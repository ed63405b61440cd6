"""The bot's words to somebody who logged in, as soon as it may write to them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from telethon import errors

from tgbot.core.access import Access
from tgbot.core.users import UserRegistry
from tgbot.locales.texts import Texts
from tgbot.messaging.sender import Sender, error_name
from tgbot.web.login import Login
from tgbot.web.page import plain

#: How long the page waits for the greeting, and how long the greeting for the user's access hash.
PATIENCE: Final = 2.0
LONGEST_WAIT: Final = 30.0
#: The first and the longest pause between two looks at what is known of a user.
_PAUSES: Final = (0.02, 1.0)

log = logging.getLogger(__name__)


class Greeter:
    """Greets who logged in, if Telegram allows it; a refusal is an answer like any other.

    `knows(user id)` says whether the session has the user's access hash. It comes with the service message of
    write access, which may arrive after the browser does; a call without it could be refused although the
    user allowed it, and be taken for the user's word. Who gave none is asked in the end with access hash 0.
    """

    def __init__(
        self,
        users: UserRegistry,
        sender: Sender,
        texts: Texts,
        *,
        domain: str,
        knows: Callable[[int], bool],
        patience: float = PATIENCE,
        longest_wait: float = LONGEST_WAIT,
    ) -> None:
        self._users = users
        self._sender = sender
        self._texts = texts
        self._domain = domain
        self._knows = knows
        self._patience = patience
        self._longest_wait = longest_wait
        self._greetings: set[asyncio.Task[bool]] = set()

    async def greet(self, login: Login, language: str) -> bool:
        """Whether the greeting has gone out; if not yet, it may follow within `longest_wait` seconds.

        It is in the language that the user chose or their app names, else in `language`.
        """
        greeting = asyncio.create_task(self._greet(login, language))
        self._greetings.add(greeting)
        greeting.add_done_callback(self._ended)
        await asyncio.wait((greeting,), timeout=self._patience)
        return greeting.done() and not greeting.cancelled() and not greeting.exception() and greeting.result()

    async def close(self) -> None:
        """Give up what still waits."""
        for greeting in self._greetings:
            greeting.cancel()
        await asyncio.gather(*self._greetings, return_exceptions=True)

    async def _greet(self, login: Login, language: str) -> bool:
        await self._becomes_known(login.id)
        if (await self._sender.can_write(login.id)).access is not Access.REACHABLE:
            return False
        user = self._users.get(login.id)
        spoken = (user.chosen_language or user.language if user else None) or language
        name = plain(user.first_name if user else login.first_name)
        text = self._texts.render(
            spoken, "login-hello" if name else "login-hello-nameless", name=name, domain=self._domain
        )
        try:
            await self._sender.send(login.id, text)
        except errors.RPCError as error:
            log.info("user %d logged in and takes no message: %s", login.id, error_name(error))
            return False
        except (ConnectionError, ValueError) as error:  # Telethon's ValueError: tried in vain, several times
            log.warning("user %d logged in and was not greeted: %s", login.id, type(error).__name__)
            return False
        return True

    async def _becomes_known(self, user_id: int) -> None:
        """Return when the session has the access hash, or has not got it for so long that 0 has to do."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._longest_wait
        pause, longest = _PAUSES
        while not self._knows(user_id) and loop.time() < end:
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)

    def _ended(self, greeting: asyncio.Task[bool]) -> None:
        self._greetings.discard(greeting)
        if not greeting.cancelled() and (error := greeting.exception()) is not None:
            log.error("a greeting after a login failed", exc_info=error)
