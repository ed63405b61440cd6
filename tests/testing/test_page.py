"""The page on testing: its code is run as it stands there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.testing.test_outcomes import loaded

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "testing.md"


def blocks() -> list[str]:
    """Return the indented code of the page, without the output of pytest."""
    text = PAGE.read_text().partition("```yaml")[0] + PAGE.read_text().rpartition("```\n")[2]
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
    # In the test's process, which is quicker, unless a test runs a command; the first one runs as it is.
    unnamed = [
        re.sub(
            r"^@pytest.mark.tgbot\(command=",
            "@pytest.mark.tgbot(in_process=False, command=",
            each,
            flags=re.M,
        )
        for each in unnamed
    ]
    unnamed.insert(0, "import pytest\n\npytestmark = pytest.mark.tgbot(in_process=True)")
    (pytester.path / "tests" / "test_more.py").write_text("\n\n\n".join(unnamed))
    result = pytester.runpytest_subprocess(*loaded().split(), "-W", "error", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)


def test_the_example_for_github_is_a_workflow_whose_commands_exist() -> None:
    yaml = pytest.importorskip("yaml")  # other tools bring it along, not with each version of Python
    workflow = yaml.load(PAGE.read_text().partition("```yaml\n")[2].partition("```")[0], yaml.BaseLoader)
    (job,) = workflow["jobs"].values()
    assert workflow["on"] == ["push", "pull_request"]
    assert job["runs-on"] == "ubuntu-latest"
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["npm ci", 'pip install "tgbot[testing]"', "python -m pytest -W error"]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert "testing" in extras
    for step in job["steps"]:
        assert set(step) <= {"uses", "with", "run"}
        assert re.fullmatch(r"actions/[a-z-]+@v\d+", step.get("uses", "actions/none@v0"))
