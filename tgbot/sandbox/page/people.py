"""The people and bots of the sandbox, for the page: who there is, new ones, and what is changed of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..accounts import Account, is_username
from ..world import World
from .tabs import Deed, DeedError, Tab, number, text


class People:
    """List, add and change people; tell all tabs of each change, as the event "people".

    People are the accounts with a phone number: a crowd has none, and is not listed.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._tabs: dict[Tab, None] = {}
        self.deeds: Mapping[str, Deed] = {"add": self._add, "change": self._change}

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab who there is."""
        self._tabs[tab] = None
        tab.tell("people", **self._listed())

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self._tabs.pop(tab, None)

    def changed(self) -> None:
        """Tell all tabs who there is now."""
        listed = self._listed()
        for tab in self._tabs:
            tab.tell("people", **listed)

    def _listed(self) -> dict[str, object]:
        accounts = self._world.accounts
        return {
            "people": [_shown(each) for each in accounts.people()],
            "bots": [_shown(each) for each in accounts.bots()],
        }

    async def _add(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        name, username = _name(asked), _username(asked)
        try:
            person = self._world.new_user(name, text(asked, "last_name", ""), username=username or None)
        except ValueError as error:
            raise DeedError(str(error)) from None
        person.language = text(asked, "language", "") or None
        person.premium = bool(asked.get("premium"))
        self.changed()
        return _shown(person)

    async def _change(self, tab: Tab, asked: Mapping[str, Any]) -> object:
        person = self._world.accounts.get(number(asked, "account"))
        if person is None or person.is_bot:
            raise DeedError("nobody has this account id")
        if "name" in asked or "last_name" in asked:
            name = _name(asked, person.first_name)
            self._world.set_name(person.id, name, text(asked, "last_name", person.last_name))
        if "username" in asked:
            username = _username(asked)
            try:
                self._world.set_usernames(person.id, *([username] if username else []))
            except ValueError as error:
                raise DeedError(str(error)) from None
        if "language" in asked:
            person.language = text(asked, "language") or None
        if "premium" in asked:
            person.premium = bool(asked["premium"])
        self.changed()
        return _shown(person)


def _name(asked: Mapping[str, Any], default: str | None = None) -> str:
    name = text(asked, "name", default).strip()
    if not 0 < len(name) <= 64:
        raise DeedError("a first name has 1 to 64 characters")
    return name


def _username(asked: Mapping[str, Any]) -> str:
    """Return the username that a tab has sent, "" for none."""
    username = text(asked, "username", "").removeprefix("@")
    if username and not is_username(username):
        raise DeedError("a username has 5 to 32 letters, digits or underscores, and begins with a letter")
    return username


def _shown(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.first_name,
        "last_name": account.last_name,
        "username": account.usernames[0] if account.usernames else "",
        "language": account.language or "",
        "premium": account.premium,
    }
