"""The Containerfile and the compose files: what they name exists.

No image is built: test_wheel.py makes the wheel of what the Containerfile copies and installs it, and
test_run.py runs the bot as process 1.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.commandlines import parses
from tests.test_wheel import copied
from tgbot.config.loading import places
from tgbot.config.origins import FILE_SUFFIX
from tgbot.config.settings import variable

ROOT = Path(__file__).parents[1]
FILE = (ROOT / "Containerfile").read_text()
COMPOSE = (ROOT / "compose.yaml").read_text()
NODES = (ROOT / "compose.nodes.yaml").read_text()


def words(instruction: str) -> list[str]:
    """Return the words of the last such instruction in the form of a JSON list."""
    found: list[str] = json.loads(re.findall(rf"{instruction} (\[.*\])$", FILE, re.MULTILINE)[-1])
    return found


def test_what_the_image_is_made_from_is_sent_to_its_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    assert {f"!{name}" for name in copied()} <= set(ignored)


def test_the_image_runs_commands_that_exist_as_a_user_that_is_not_root() -> None:
    assert parses([*words("ENTRYPOINT"), *words("^CMD")])
    assert words("HEALTHCHECK .*CMD")[0] == "tgbot"
    final = FILE.rpartition("\nFROM ")[2]
    assert int(re.findall(r"^USER (\d+)$", final, re.MULTILINE)[0]) > 0
    assert not re.search(r"\b(apt|pip|gcc)\b", final)


def test_compose_sets_variables_that_the_bot_reads() -> None:
    named = re.findall(r"TGBOT_\w+", COMPOSE)
    assert set(named) <= {variable(*place) + FILE_SUFFIX for place in places()}
    assert len(named) == 3


def test_compose_gives_each_node_its_name_and_all_of_them_the_database() -> None:
    named = set(re.findall(r"TGBOT_\w+", NODES))
    keys = {variable(*place) for place in places()}
    assert {name.removesuffix(FILE_SUFFIX) for name in named} <= keys
    assert {"TGBOT_STORAGE_URL_FILE", "TGBOT_STORAGE_NODE"} <= named
    names = re.findall(r"TGBOT_STORAGE_NODE: (\w+)", NODES)
    assert re.findall(r'volumes: \["(\w+):/data"\]', NODES) == names
    assert len(set(names)) == len(names) == 2
    handed_over = re.findall(r"^  (\w+): \{file: secrets/(\w+)\}", NODES, re.MULTILINE)
    assert all(secret == file for secret, file in handed_over)
    used = set(re.findall(r"/run/secrets/(\w+)", NODES))
    assert used == {secret for secret, _ in handed_over}
    assert all(re.search(rf"secrets: \[.*\b{secret}\b.*\]", NODES) for secret in used)


def test_the_commands_that_compose_and_its_comments_name_exist() -> None:
    commands = re.findall(r"\btgbot (status|nodes|handover)\b", NODES)
    assert {"status", "nodes"} <= set(commands)
    assert all(parses(["tgbot", command]) for command in commands)
