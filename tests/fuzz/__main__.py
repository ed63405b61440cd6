"""`make fuzz`: bytes of every kind from the wire, for a time; status 1 if any of them breaks a promise."""

from __future__ import annotations

import argparse
import logging
import secrets
import sys
import time
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.live import run_live
from tests.fuzz.pure import TARGETS
from tests.fuzz.siege import besiege

#: Examples in a row of one target.
_EXAMPLES = 200


def show(text: str) -> None:
    print(text, flush=True)


def run(names: Sequence[str], seconds: float, first: int) -> bool:
    """Run the targets in turns until the time is over; return whether all went well."""
    options = settings(
        max_examples=_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    counts = dict.fromkeys(names, 0)
    begun = time.monotonic()
    end = begun + seconds
    turn = 0
    while not turn or time.monotonic() < end:
        name, number = names[turn % len(names)], first + turn // len(names)
        turn += 1
        try:
            if name == "live":
                counts[name] += run_live(number)
            elif name == "sandbox":
                siege = besiege(number)
                counts[name] += siege.inputs
                for what, detail in siege.findings.items():
                    show(f"{what}\n    {detail}")
                if siege.findings:
                    show(f"again with: make fuzz ARGS='{name} --seed {number} --seconds 0'")
                    return False
            else:
                drawn, check = TARGETS[name]
                test: Any = seed(number)(options(given(*drawn)(check)))
                test()
                counts[name] += _EXAMPLES
        except Exception:
            logging.exception("%s failed", name)
            show(f"again with: make fuzz ARGS='{name} --seed {number} --seconds 0'")
            return False
    spent = time.monotonic() - begun
    show("  ".join(f"{name} {count:,}" for name, count in counts.items()))
    show(f"{sum(counts.values()) / spent:,.0f} inputs a second, nothing found")
    return True


def main(given_: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__.partition("\n\n")[0])
    targets = [*TARGETS, "live", "sandbox"]
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"out of {', '.join(targets)}; all")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args(given_)
    if unknown := set(options.targets) - set(targets):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    logging.getLogger("tgbot").setLevel(logging.CRITICAL)
    show(f"seed {options.seed}")
    try:
        return 0 if run(options.targets or targets, options.seconds, options.seed) else 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
