"""The page on testing: its code is run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.testing.test_outcomes import loaded

ROOT = Path(__file__).parents[2]


def blocks() -> list[str]:
    """Return the indented code of the page, without the output of pytest."""
    text = (ROOT / "docs" / "testing.md").read_text()
    found = re.findall(r"(?:^(?: {4}.*)?\n)+", text, re.MULTILINE)
    code = ["\n".join(line[4:] for line in block.splitlines()).strip("\n") for block in found]
    return [block for block in code if block and not block.startswith(">")]


def test_every_block_of_code_runs_and_its_tests_pass(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    unnamed = []
    for block in blocks():
        first, _, rest = block.partition("\n")
        if named := re.fullmatch(r"# ([\w./]+)", first):
            file = pytester.path / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(rest)
        else:
            unnamed.append(block)
    # In the test's process, which is quicker; the first one runs as it is.
    unnamed.insert(0, "import pytest\n\npytestmark = pytest.mark.tgbot(in_process=True)")
    (pytester.path / "tests" / "test_more.py").write_text("\n\n\n".join(unnamed))
    result = pytester.runpytest_subprocess(*loaded().split(), "-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=5)
