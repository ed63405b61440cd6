"""What renders the texts of one language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

from tgbot.locales.ftl import Entry, inside


class Bundle:
    """The texts of one language. A text is parsed at its first use, with everything that it refers to."""

    def __init__(
        self, languages: Sequence[str], texts: Mapping[str, Entry], others: Mapping[str, Any]
    ) -> None:
        """The rules of the first known language count; `others` are terms and messages without a value."""
        self.texts, self._others = texts, others
        #: The ids of all texts and terms that a text may refer to.
        self.known = texts.keys() | others.keys()
        self._fluent = FluentBundle([*languages], use_isolating=False)
        #: The ids that have been added to it.
        self._added: set[str] = set()

    def render(self, id_: str, values: Mapping[str, object]) -> tuple[str, list[str]]:
        """Return a text and the errors in it."""
        if id_ not in self._added:
            self._add(id_)
        try:
            text, errors = self._fluent.format_pattern(self._fluent.get_message(id_).value, values)
        except RecursionError:  # of a text that is nothing but itself
            return f"{{{id_}}}", ["Cyclic reference"]
        return str(text), [
            str(error).rstrip(".").replace("Unknown external: ", "it is not given $") for error in errors
        ]

    def _add(self, id_: str) -> None:
        """Add a text, and the texts and terms that it refers to, directly or through others."""
        resource, ahead = FluentResource(""), [id_]
        while ahead:
            one = ahead.pop()
            if one in self._added or one not in self.known:
                continue
            self._added.add(one)
            node = self.texts[one].node if one in self.texts else self._others[one]
            resource.body.append(node)
            ahead += inside(node)[1]
        self._fluent.add_resource(resource)
