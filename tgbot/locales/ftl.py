"""The .ftl files: the texts that each one has, with what they refer to, and what the bot gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fluent.runtime import FluentResource

from tgbot.core.encodings import decoded
from tgbot.core.errors import TextError
from tgbot.locales.languages import Language, read

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

#: The comment of a group, or a text with its comment; any other line belongs to the text above it.
_GROUP_OR_TEXT: Final = re.compile(
    r"^##(?!#)(?P<group>.*)$|^(?P<comment>(?:# .*\n)*)"
    r"(?P<message>(?P<id>[A-Za-z][\w-]*) *=.*(?:\n(?![A-Za-z#-]).*)*)",
    re.MULTILINE,
)


@dataclass(eq=False)
class Entry:
    """One text of a file."""

    file: str
    line: int
    id: str
    #: Names of variables that its comment and that of its group name as `$name`.
    documented: frozenset[str]
    #: The message as Fluent parsed it, or how it stands in the file.
    message: Any

    @cached_property
    def node(self) -> Any:
        """The message of Fluent."""
        return FluentResource(self.message).body[0] if isinstance(self.message, str) else self.message

    @property
    def variables(self) -> frozenset[str]:
        """Names of the variables in it."""
        return self._inside[0]

    @property
    def references(self) -> frozenset[str]:
        """Ids of the texts in it; those of terms begin with a hyphen."""
        return self._inside[1]

    @cached_property
    def _inside(self) -> tuple[frozenset[str], frozenset[str]]:
        return inside(self.node.value)


@dataclass(frozen=True, slots=True, eq=False)
class TextFile:
    """A file of texts in one language."""

    name: str
    language: Language
    #: In the order of the file; an id may stand there twice.
    entries: list[Entry] = field(default_factory=list)
    #: Terms of Fluent, under their names with a hyphen, and messages that have attributes only.
    others: dict[str, Any] = field(default_factory=dict)
    #: Whether its texts are known to have no mistake.
    tried: bool = False


def read_file(source: Path | Traversable, owner: str = "", *, tried: bool = False) -> TextFile:
    """Return the texts of a file, which is named after its language; raise TextError if it cannot be read.

    `owner` may stand before the language: shop.en.ftl. With `tried`, the file is known to have no mistake and
    nothing but texts and comments; each text is then parsed at its first use.
    """
    language = read(source.name.removesuffix(".ftl").removeprefix(f"{owner}."))
    if language is None:
        raise TextError(str(source), "the file is not named after a language, such as en.ftl or pt-BR.ftl")
    try:
        text = decoded(source.read_bytes())
    except OSError as error:
        raise TextError(str(source), f"it cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise TextError(str(source), str(error)) from None
    # Parsed as Fluent counts: with these line ends, places are right for files of every system.
    reader = _read_tried if tried else _read_text
    return reader(str(source), language, text.replace("\r\n", "\n"))


@lru_cache(maxsize=8)
def _read_text(name: str, language: Language, text: str) -> TextFile:
    """Return the texts in a file with this text: nothing changes them, so one text is read once."""
    file = TextFile(name, language)
    group: frozenset[str] = frozenset()
    #: Lines that are not Fluent, and what is wrong in them.
    junk: list[tuple[int, str]] = []
    for node in FluentResource(text).body:
        line = text.count("\n", 0, node.span.start) + 1
        # By class name, because fluent.syntax is a dependency of fluent.runtime, not ours.
        match type(node).__name__:
            case "Junk":
                first, *_ = node.content.strip().split("\n")
                why = "".join(f" ({note.message})" for note in node.annotations[:1])
                junk.append((line, f"{first!r}{why}"))
            case "GroupComment":
                group = _named(node.content)
            case "Message" if node.value is not None:
                own = _named(node.comment.content) if node.comment else frozenset()
                line += node.comment.content.count("\n") + 1 if node.comment else 0
                file.entries.append(Entry(name, line, node.id.name, own | group, node))
            case "Message":
                file.others[node.id.name] = node
            case "Term":
                file.others[f"-{node.id.name}"] = node
    if junk:
        more = "".join(f"; line {line}: {what}" for line, what in junk[1:])
        raise TextError(f"{name}:{junk[0][0]}", f"not Fluent: {junk[0][1]}{more}")
    return file


@lru_cache(maxsize=8)
def _read_tried(name: str, language: Language, text: str) -> TextFile:
    """Return the texts in a file with this text; each is parsed at its first use."""
    file = TextFile(name, language, tried=True)
    group: frozenset[str] = frozenset()
    line, place = 1, 0
    for found in _GROUP_OR_TEXT.finditer(text):
        comment, id_, message = found["comment"], found["id"], found["message"]
        if id_ is None:
            group = _named(found["group"])
            continue
        start = found.start("message")
        line, place = line + text.count("\n", place, start), start
        file.entries.append(Entry(name, line, id_, _named(comment) | group, message))
    return file


def _named(comment: str) -> frozenset[str]:
    return frozenset(re.findall(r"\$([A-Za-z][\w-]*)", comment))


def inside(node: Any) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of the variables in a part of Fluent, and the ids of the texts and terms in it."""
    variables, references = set(), set()
    for part in _walk(node):
        match type(part).__name__:
            case "VariableReference":
                variables.add(part.id.name)
            case "MessageReference":
                references.add(part.id.name)
            case "TermReference":
                references.add(f"-{part.id.name}")
    return frozenset(variables), frozenset(references)


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for value in vars(node).values():
        for child in value if isinstance(value, list) else (value,):
            if hasattr(child, "span"):
                yield from _walk(child)
