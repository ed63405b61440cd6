"""The apps of people on the page: calls to Telegram's methods as somebody, and the updates that they get."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from telethon.tl.alltlobjects import LAYER

from .. import layers, methods
from ..logs import Entry
from ..rpc import Caller, Later, Login, RpcError
from ..trace import Trace
from ..world import World
from .tabs import Deed, DeedError, Tab, number
from .tljson import JsonError, request_of, to_json

#: The most updates that are told at once.
BATCH = 200


class _App:
    """The app of one person: its login, and how far in the account's log its tabs are."""

    def __init__(self, world: World, account: int) -> None:
        person = world.accounts[account]
        login = Login(account, person.generation, layer=LAYER, api_id=1, language=person.language or "")
        self.caller = Caller(login)
        self.tabs: dict[Tab, None] = {}
        self.pts, self.qts = world.state(account)[:2]
        self.passing: list[Entry] = []


class Apps:
    """Carry out calls of people as if their apps had made them over the wire, and tell their updates.

    {"do": "call", "as": account id, "call": a method as TL JSON} is answered with TL JSON, or with an error
    that has Telegram's code and name. After {"do": "watch", "accounts": [ids]} the tab gets the updates of
    these accounts: the event "updates" with "account" and an Updates object. What a call changed is in its
    answer, in updates, or in both, as at Telegram.
    """

    def __init__(
        self,
        world: World,
        trace: Trace | None = None,
    ) -> None:
        self._world = world
        self._trace = trace
        self._apps: dict[int, _App] = {}
        self._due: dict[int, None] = {}
        self._end: Callable[[], None] | None = None
        #: The account whose call a tab has carried out at this moment.
        self.acting: int | None = None
        #: Awaited before a call of a tab: the account, and the call as TL JSON.
        self.before: list[Callable[[int, Mapping[str, Any]], Awaitable[object]]] = []
        #: Get the account, the call as TL JSON and its answer, None if it was refused.
        self.answered: list[Callable[[int, Mapping[str, Any], Any], object]] = []
        self.deeds: Mapping[str, Deed] = {"call": self._call, "watch": self._watch}

    def open(self) -> None:
        """Listen to the world, in the running loop."""
        self._end = self._world.subscribe(self._changed, self._pass)

    def close(self) -> None:
        """Stop to listen."""
        if self._end is not None:
            self._end()

    def welcome(self, tab: Tab) -> None:
        """Tell nothing: a tab says whom it watches."""

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        for account, app in list(self._apps.items()):
            app.tabs.pop(tab, None)
            if not app.tabs:
                del self._apps[account]

    def forget(self) -> None:
        """Forget how far all tabs are, for a world that has gone back; tabs have to watch again."""
        self._apps.clear()
        self._due.clear()

    async def call(self, account: int, given: object) -> Any:
        """Carry out a method, given as TL JSON, as an account; raise RpcError or DeedError."""
        try:
            request = layers.decode(bytes(request_of(given)), LAYER)
        except JsonError as error:
            raise DeedError(str(error)) from None
        except (layers.DecodeError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise DeedError(f"the call has no TL form: {type(error).__name__}") from None
        app = self._app(account)
        with nullcontext() if self._trace is None else self._trace.page(account, bytes(request)):
            answer = methods.invoke(self._world, app.caller, request)
            self.acting = None
            return await self._later(answer) if isinstance(answer, Later) else answer

    async def _call(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        account, call = number(asked, "as"), asked.get("call")
        told = call if isinstance(call, dict) else {}
        for before in self.before:
            await before(account, told)
        answer: Any = None
        self.acting = account
        try:
            answer = await self.call(account, call)
        finally:
            # Only the call itself is at this moment: one that waits for a bot has set this back long ago.
            if self.acting == account:
                self.acting = None
            for answered in self.answered:
                answered(account, told, answer)
        return to_json(answer)

    async def _watch(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        wanted = asked.get("accounts")
        if not isinstance(wanted, list):
            raise DeedError("accounts is missing, or is not a list")
        apps = [self._app(account) for account in wanted]
        self.leave(tab)
        for account, app in zip(wanted, apps, strict=True):
            self._apps[account] = app
            app.tabs[tab] = None
        return True

    def _app(self, account: object) -> _App:
        if not isinstance(account, int) or self._world.accounts.get(account) is None:
            raise DeedError("nobody has this account id")
        return self._apps.get(account) or _App(self._world, account)

    async def _later(self, answer: Later) -> object:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[object] = loop.create_future()
        timer = loop.call_later(max(0.0, answer.expires - self._world.now()), answer.expire)
        answer.then(lambda value: None if waiting.done() else waiting.set_result(value))
        try:
            value = await waiting
        finally:
            timer.cancel()
        if isinstance(value, RpcError):
            raise value
        return value

    def _changed(self, account: int) -> None:
        if account in self._apps and account not in self._due:
            if not self._due:
                asyncio.get_running_loop().call_soon(self._turn)
            self._due[account] = None

    def _pass(self, account: int, entry: Entry) -> None:
        app = self._apps.get(account)
        if app is not None:
            app.passing.append(entry)
            self._changed(account)

    def _turn(self) -> None:
        """Tell the updates of all that has changed in this turn of the loop."""
        due, self._due = self._due, {}
        for account in due:
            app = self._apps.get(account)
            if app is not None:
                self._tell(account, app)

    def _tell(self, account: int, app: _App) -> None:
        entries = self._world.entries(account, app.pts, app.qts, BATCH)
        if len(entries) == BATCH:
            self._changed(account)
        for entry in entries:
            app.pts, app.qts = entry.pts or app.pts, entry.qts or app.qts
        entries += app.passing
        app.passing = []
        if entries:
            updates = to_json(self._world.render(account, entries))
            for tab in app.tabs:
                tab.tell("updates", account=account, updates=updates)
