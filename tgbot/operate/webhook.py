"""Alerts by HTTP: each is posted as JSON to an address of the operator's."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

import aiohttp

logger = logging.getLogger(__name__)

#: How long a post may take, in seconds.
POST_SECONDS: Final = 10.0
#: The longest pause that an answer may ask for, in seconds.
LONGEST_PAUSE: Final = 3600
#: Answers that say: later. So do all from 500 on.
_LATER: Final = (408, 425, 429)


class Webhook:
    """Posts alerts to an address, which is a secret: it is in no line of the log and no error."""

    def __init__(self, url: str, bot_id: int | None, clock: Callable[[], int]) -> None:
        """`clock` is Telegram's time, for the field `at`."""
        self._url = url
        self._bot_id = bot_id
        self._clock = clock
        #: Whether it is logged already that alerts do not arrive.
        self._complained = False

    async def post(self, alert: Mapping[str, object], /) -> int | None:
        """Post an alert; return after how many seconds to try again (0: it named none), None if it was taken.

        An alert that is refused for good is logged and given up.
        """
        try:
            async with (
                aiohttp.ClientSession(
                    timeout=aiohttp.ClientTimeout(total=POST_SECONDS), trust_env=True
                ) as http,
                http.post(
                    self._url,
                    json={**alert, "bot": self._bot_id, "at": self._clock()},
                    allow_redirects=False,
                ) as answer,
            ):
                status, pause = answer.status, answer.headers.get("Retry-After", "")
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            self._complain(type(error).__name__)
            return 0
        if status >= 500 or status in _LATER:
            self._complain(f"status {status}")
            return min(int(pause), LONGEST_PAUSE) if pause.isascii() and pause.isdigit() else 0
        if status >= 300:
            logger.warning("the webhook refuses the alert %s (status %d)", alert["alert"], status)
        self._complained = False
        return None

    def _complain(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            logger.warning("the webhook does not take alerts (%s); trying again", why)
