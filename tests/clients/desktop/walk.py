"""The scripted run: sign in, find the bot, press Start and a button of its menu.

Whether a step was done is seen at the sandbox: calls that came, messages that are there. The keys of the next
step are pressed once nothing moves in the window. Each step may be repeated: where it was done already, its
keys do nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PIL import Image

from tests.clients.desktop.app import App
from tests.clients.desktop.screen import Window
from tests.clients.desktop.words import DesktopError
from tgbot.sandbox.accounts import Account
from tgbot.sandbox.server import Sandbox

#: Seconds until keys are pressed again of which nothing came, how often, and seconds for a new view.
_AGAIN: Final = 30.0
_TRIES: Final = 3
_VIEW: Final = 60.0
#: Seconds that a click has to show at the sandbox.
_CLICK: Final = 1.5
#: The longest phone number that could be in the field, with the code of the country.
_DIGITS: Final = 16
#: Places in the window, in points from its right and bottom edge: the field to write in.
_FIELD: Final = (330, 35)
#: From its left edge: the buttons under a message of the bot; they are looked for from the bottom upwards.
_BUTTONS: Final = 380
_LOWEST, _HIGHEST, _STEP = 66, 300, 12

#: What is to be seen at the sandbox, and what makes it so.
Sign = Callable[[], bool]
Act = Callable[[], Awaitable[None]]
#: What the menu of the plugin says until a button is pressed.
MENU: Final = "What would you like?"


@dataclass(frozen=True)
class Cast:
    """Who takes part."""

    sandbox: Sandbox
    person: Account
    #: The bot's account and its username.
    bot: int
    username: str

    @property
    def link(self) -> str:
        """The link that makes an app use the sandbox as its proxy."""
        sandbox = self.sandbox
        return f"tg://proxy?server={sandbox.host}&port={sandbox.port}&secret={sandbox.secret.hex}"

    def called(self, method: str) -> Sign:
        """Return the sign that a method has been called, which the bot does not call."""
        return lambda: bool(self.sandbox.calls[method])

    def answers(self) -> list[str]:
        """Return what the bot has said to the person, as it reads now."""
        box = self.sandbox.world.accounts[self.person.id].box
        copies = [box.get(number) for number in box.history(self.bot)]
        return [each.post.text for each in copies if each is not None and not each.out]


class Walk:
    """The steps, in their order; each leaves a picture in a directory."""

    def __init__(
        self, cast: Cast, app: App, window: Window, pictures: Path, told: Callable[[str], None]
    ) -> None:
        self._cast = cast
        self._app = app
        self._window = window
        self._pictures = pictures
        self._told = told
        self._count = 0

    async def go(self) -> Image.Image:
        """Do all steps and return the last picture; raise DesktopError where it does not go on."""
        cast, step = self._cast, self._step
        await self._window.focus()
        await self._window.still()
        await step("a proxy is offered", lambda: self._app.open(cast.link))
        await step("connected", self._enter, cast.called("help.getCountriesList"))
        await step("a QR code", self._enter, cast.called("auth.exportLoginToken"))
        await step("asked for the phone number", self._enter)
        await step("asked for the code", self._enter_phone, cast.called("auth.sendCode"))
        await step("signed in", self._enter_code, cast.called("messages.getDialogs"))
        await step("the bot is found", self._search, cast.called("contacts.search"))
        await step("its chat", self._enter, cast.called("messages.getHistory"))
        await step("started", self._enter, lambda: len(cast.answers()) == 1)
        await step("its menu", lambda: self._write("/menu"), lambda: MENU in cast.answers())
        return await step("a button is pressed", self._press, lambda: MENU not in cast.answers())

    async def _step(self, name: str, act: Act, sign: Sign | None = None) -> Image.Image:
        """Act until the sign is there, wait for a new view, and keep its picture."""
        before, acts = await self._window.picture(), 0
        while acts == 0 if sign is None else not sign():
            if acts == _TRIES:
                raise DesktopError(f"the sandbox does not see it: {name!r} was expected{self._app.end}")
            await act()
            acts += 1
            if sign is not None:
                await _seen(sign, _AGAIN)
        try:
            async with asyncio.timeout(_VIEW):
                picture = await self._window.still(before if acts else None)
        except TimeoutError:
            raise DesktopError(f"the window does not change: {name!r} was expected{self._app.end}") from None
        self._count += 1
        picture.save(self._pictures / f"{self._count:02}-{name.replace(' ', '-')}.png")
        self._told(name)
        return picture

    async def _enter(self) -> None:
        await self._window.key("Return")

    async def _enter_phone(self) -> None:
        # The field begins with the code of a country.
        await self._window.key(*["BackSpace"] * _DIGITS)
        await self._window.type(str(self._cast.person.phone))
        await self._window.key("Return")

    async def _enter_code(self) -> None:
        code = self._cast.sandbox.world.accounts.code
        await self._window.key(*["BackSpace"] * len(code))
        await self._window.type(code)

    async def _search(self) -> None:
        await self._window.key("ctrl+a")
        await self._window.type(f"@{self._cast.username}")

    async def _write(self, text: str) -> None:
        window = self._window
        await window.click(window.right - _FIELD[0], window.bottom - _FIELD[1])
        await window.key("ctrl+a")
        await window.type(text)
        await window.key("Return")

    async def _press(self) -> None:
        """Click under the last message until a press arrives."""
        window, pressed = self._window, self._cast.called("messages.getBotCallbackAnswer")
        for height in range(_LOWEST, _HIGHEST, _STEP):
            await window.click(window.left + _BUTTONS, window.bottom - height)
            if await _seen(pressed, _CLICK):
                return
        raise DesktopError("no button of the bot was found in the window")


async def _seen(sign: Sign, seconds: float) -> bool:
    """Return whether a sign is there in time."""
    try:
        async with asyncio.timeout(seconds):
            while not sign():  # noqa: ASYNC110 - the sandbox does not tell of it
                await asyncio.sleep(0.05)
    except TimeoutError:
        return False
    return True
