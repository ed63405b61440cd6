"""Something that all tabs show as it is now, such as the list of faults."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .tabs import Tab


class Shown:
    """Tell tabs a state as an event of this name, when they open and when it has changed."""

    def __init__(self, event: str, state: Callable[[], Mapping[str, object]]) -> None:
        self._event = event
        self._state = state
        self._tabs: dict[Tab, None] = {}
        self._told: Mapping[str, object] = {}

    def welcome(self, tab: Tab) -> None:
        """Tell a new tab the state."""
        self.look()
        self._told = self._told or self._state()
        self._tabs[tab] = None
        tab.tell(self._event, **self._told)

    def leave(self, tab: Tab) -> None:
        """Forget a tab."""
        self._tabs.pop(tab, None)

    def look(self) -> None:
        """Tell the tabs the state if it has changed."""
        if not self._tabs:
            self._told = {}
            return
        state = self._state()
        if state != self._told:
            self._told = state
            for tab in self._tabs:
                tab.tell(self._event, **state)
