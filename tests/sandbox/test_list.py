"""docs/sandbox.md says what the sandbox has and what it refuses: the list is what the code makes."""

from __future__ import annotations

import re

from docs import sandbox_list
from tgbot.sandbox.abilities import DONE, optional
from tgbot.sandbox.methods import METHODS
from tgbot.sandbox.signatures import method_name


def test_the_page_is_what_the_program_writes() -> None:
    page = sandbox_list.PAGE.read_text("utf-8")
    assert page == sandbox_list.written(page), "run: python -m docs.sandbox_list"


def test_the_list_has_every_method_once_and_the_fields_that_are_refused() -> None:
    methods, fields, constructors = sandbox_list.section().split("## ")[1:]
    listed = [name for line in methods.split("\n- ")[1:] for name in line.partition(":")[2].split(",")]
    assert len(listed) == len(METHODS)
    for kind in METHODS:
        left = set(optional(kind)) - DONE.get(kind, frozenset())
        name = method_name(kind)
        found = re.search(rf"- `{re.escape(name)}`: ([^-]*)", fields)
        assert (found is not None) == bool(left), name
    assert "inputMediaStory" in constructors
    assert "inputMediaPoll," not in constructors
