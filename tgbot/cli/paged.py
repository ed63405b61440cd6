"""The option `--page`, whose value may be left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from tgbot.sandbox.page.place import Place

#: The value of an option `--page` that has none.
ANYWHERE: Final = "127.0.0.1"
OPTION: Final = "--page"

Page = Annotated[
    str | None,
    typer.Option(
        OPTION,
        metavar="[HOST:PORT]",
        help="Serve the page on which people chat in the browser; without a value on 127.0.0.1, port 8090"
        " or the next one that is free.",
        show_default="no page",
    ),
]


class Paged(TyperCommand):
    """A command whose option `--page` may stand without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # Any: typer's context has no public type
        filled: list[str] = []
        for index, word in enumerate(args):
            filled.append(word)
            if word == OPTION and (index + 1 == len(args) or args[index + 1].startswith("-")):
                filled.append(ANYWHERE)
        rest: list[str] = super().parse_args(ctx, filled)
        return rest


def place_of(page: str | None) -> Place | None:
    """Return where the page is to be, None for no page; raise typer.BadParameter."""
    from tgbot.sandbox.page.place import PageError, Place

    if page is None:
        return None
    try:
        return Place.read(page)
    except PageError as error:
        raise typer.BadParameter(str(error), param_hint=OPTION) from None
