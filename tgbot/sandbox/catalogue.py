"""The definitions of all listed layers, from `layers/api.tl`: by constructor id, and by name in a layer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .schema import Definition, parse

PATH = Path(__file__).parent / "layers/api.tl"

_ENTRY = re.compile(r"^([\d,-]+) (([\w.]+)#([0-9a-f]{8}).*;)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A definition and the layers that have it; `text` is parsed by `definition`."""

    name: str
    constructor_id: int
    spans: str  #: of listed layers, such as "150-165,169"
    method: bool
    text: str

    @property
    def definition(self) -> Definition:
        return parse(self.text)


@cache
def listed() -> tuple[int, ...]:
    """Return the listed layers, in order; only these can be spoken with."""
    with PATH.open(encoding="utf-8") as file:
        return tuple(map(int, file.readline().partition(":")[2].split()))


@cache
def entries() -> dict[int, Entry]:
    """Return all definitions by constructor id. An id means the same in all layers (see `make layers`)."""
    text = PATH.read_text("utf-8")
    functions = text.index("---functions---")
    return {
        int(match[4], 16): Entry(match[3], int(match[4], 16), match[1], match.start() > functions, match[2])
        for match in _ENTRY.finditer(text)
    }


@cache
def names(layer: int, *, method: bool = False) -> dict[str, Entry]:
    """Return the definitions of the types, or methods, of a listed layer by name."""
    return {
        entry.name: entry
        for entry in entries().values()
        if entry.method is method and _covers(entry.spans, layer)
    }


@cache
def _covers(spans: str, layer: int) -> bool:
    for span in spans.split(","):
        first, _, last = span.partition("-")
        if int(first) <= layer <= int(last or first):
            return True
    return False


def spoken() -> str:
    """Return the listed layers for people: "150-152, 155, 157-158"."""
    runs: list[list[int]] = []
    for layer in listed():
        if runs and runs[-1][-1] == layer - 1:
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
