"""Print the table of clients (`make clients`); status 1 if something does not work that did."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from tests.clients.judge import KNOWN, findings
from tests.clients.libraries import LIBRARIES, Library
from tests.clients.stage import column, server_key
from tests.clients.table import PAGE, Table, better, known, shown, worse, write


def main() -> int:
    """Run the programs side by side, print what came of it, and compare it with the page."""
    parser = argparse.ArgumentParser(prog="make clients", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="LIBRARY", help="only these (Telethon, mtcute, ...)")
    parser.add_argument("--ci", action="store_true", help="without TDLib, and without what `make test` has")
    parser.add_argument("--write", action="store_true", help=f"write the table into docs/{PAGE.name}")
    parser.add_argument(
        "--judge", action="store_true", help="status 1 if TDLib has a new complaint in its log, too"
    )
    parser.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 1, metavar="N")
    asked = parser.parse_args()
    chosen = [each for each in LIBRARIES if not asked.names or each.name in asked.names]
    if unknown := set(asked.names) - {each.name for each in chosen}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(_names())}")
    if asked.write and (asked.names or asked.ci):
        parser.error("--write is for all libraries at once: the table is written as a whole")
    if asked.ci:
        chosen = [each for each in chosen if not each.tdlib and not each.own]
    logging.getLogger("telethon").setLevel(logging.ERROR)
    logging.getLogger("tgbot").setLevel(logging.ERROR)
    before, present = known(), []
    for library in chosen:
        if (reason := library.missing()) is None:
            present.append(library)
        else:
            print(f"{library.name} is left out: {reason}", file=sys.stderr)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clients-") as directory:
        found = asyncio.run(_table(present, Path(directory), before, asked.jobs))
        complaints = findings(Path(directory))
    print(shown(found))
    print(f"{len(present)} clients, {time.monotonic() - began:.0f} s", file=sys.stderr)
    if complaints:
        print("\n".join(["", "What TDLib says of the sandbox:", *complaints]))
    if asked.write:
        write(found)
    if gone := worse(found, before):
        print("\n".join(["", *gone]), file=sys.stderr)
        return 1
    if not asked.write and (new := better(found, before)):
        print(f"works now: {'; '.join(new)} (make clients ARGS=--write)", file=sys.stderr)
    new_complaints = [each for each in complaints if not each.startswith(KNOWN)]
    return 1 if asked.judge and new_complaints else 0


def _names() -> list[str]:
    return [each.name for each in LIBRARIES]


async def _table(libraries: list[Library], directory: Path, before: Table, jobs: int) -> Table:
    key, turns = server_key(), asyncio.Semaphore(jobs)

    async def one(library: Library) -> tuple[str, dict[str, str]]:
        async with turns:
            where = directory / library.name.replace(" ", "-")
            return library.title, await column(library, key, where, before.get(library.name, {}))

    return dict(await asyncio.gather(*map(one, libraries)))


if __name__ == "__main__":
    sys.exit(main())
