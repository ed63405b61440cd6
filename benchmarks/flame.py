"""A flame graph: each function as wide as its time with what it calls, above the function that called it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Final

#: The size of the picture and of a row, in pixels; narrower boxes are left out.
WIDTH, ROW, NARROWEST = 1600, 18, 0.4
#: The width of a letter.
LETTER: Final = 6.5
#: The colour of a box by the beginning of the file that the function is in, else the last one.
COLOURS: Final = {"tgbot/": "#f4a261", "telethon/": "#8ecae6", "": "#d8d8d8"}


@dataclass
class Box:
    """A function in the places where the same functions have called it."""

    value: float = 0.0
    inner: dict[str, Box] = field(default_factory=dict)

    def rows(self) -> int:
        return 1 + max((box.rows() for box in self.inner.values()), default=0)


def draw(stacks: Iterable[tuple[Sequence[str], float]], unit: str) -> str:
    """Return an SVG of stacks of functions `name (file)`, each with its value; `unit` follows each value."""
    whole = Box()
    for stack, value in stacks:
        box = whole
        box.value += value
        for name in stack:
            box = box.inner.setdefault(name, Box())
            box.value += value
    height = whole.rows() * ROW
    boxes = "\n".join(_boxes("all", whole, 0.0, height - ROW, WIDTH / whole.value, unit))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="monospace" font-size="11">\n{boxes}\n</svg>\n'
    )


def _boxes(name: str, box: Box, left: float, top: int, scale: float, unit: str) -> Iterator[str]:
    width = box.value * scale
    if width < NARROWEST:
        return
    file = name.rpartition(" (")[2]
    colour = next(colour for beginning, colour in COLOURS.items() if file.startswith(beginning))
    label = escape(name[: int(width / LETTER)]) if width > 3 * LETTER else ""
    yield (
        f"<g><title>{escape(name)}: {box.value:.1f} {unit}</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{ROW - 1}" fill="{colour}"/>'
        f'<text x="{left + 3:.1f}" y="{top + ROW - 6}">{label}</text></g>'
    )
    for inner, its_box in sorted(box.inner.items()):
        yield from _boxes(inner, its_box, left, top - ROW, scale, unit)
        left += its_box.value * scale
