"""What renders the texts of one language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fluent.runtime import FluentBundle, FluentResource

from tgbot.locales.ftl import Entry


class Bundle:
    """The texts of one language. A text is parsed at its first use, with all texts that it refers to."""

    def __init__(
        self, languages: Sequence[str], texts: Mapping[str, Entry], others: Mapping[str, Any]
    ) -> None:
        """The rules of the first known language count; `others` are terms and messages without a value."""
        self.texts = texts
        #: The ids of all texts and terms that a text may refer to.
        self.known = texts.keys() | others.keys()
        self._fluent = FluentBundle([*languages], use_isolating=False)
        self._there: set[str] = set()
        self._give(others.values())

    def render(self, id_: str, values: Mapping[str, object]) -> tuple[str, list[str]]:
        """Return a text and what was wrong with it."""
        if id_ not in self._there:
            needed = closure(id_, self.texts)
            self._give(entry.node for entry in needed)
            self._there.update(entry.id for entry in needed)
        try:
            text, errors = self._fluent.format_pattern(self._fluent.get_message(id_).value, values)
        except RecursionError:  # of a text that is nothing but itself
            return f"{{{id_}}}", ["Cyclic reference"]
        return str(text), [
            str(error).rstrip(".").replace("Unknown external: ", "it is not given $") for error in errors
        ]

    def _give(self, nodes: Iterable[Any]) -> None:
        resource = FluentResource("")
        resource.body = [*nodes]
        self._fluent.add_resource(resource, allow_overrides=True)


def closure(id_: str, texts: Mapping[str, Entry]) -> list[Entry]:
    """Return a text and all texts that it refers to, each once."""
    found = {id_: texts[id_]}
    ahead = [texts[id_]]
    while ahead:
        for other in ahead.pop().references:
            if other in texts and other not in found:
                found[other] = texts[other]
                ahead.append(texts[other])
    return [*found.values()]
