"""The quick way to read what an export wrote, held against the way that explains what is wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given

from tests.store.transfer.test_entries import BOT, NOW, PEER, never_unclear, packed, users
from tgbot.core.users import LANGUAGE, UserFields
from tgbot.core.verdicts import judge
from tgbot.store.record import UserRecord
from tgbot.store.transfer.entries import (
    AHEAD,
    Entry,
    from_cells,
    from_exported,
    from_fields,
    to_json,
)
from tgbot.store.transfer.exportcells import to_cells
from tgbot.store.transfer.exported import ExportedUser, from_line, from_values
from tgbot.store.transfer.exportedrows import ExportedRows
from tgbot.store.transfer.fields import COLUMNS, LANGUAGE_CODE, EntryError
from tgbot.store.transfer.forms import UserFile
from tgbot.store.user_json import OLDER, pack

#: The latest time that a file may have.
LATEST = NOW + AHEAD
TABLE = ExportedRows({name: place for place, name in enumerate(COLUMNS)})

#: What a file may have in the place of a value, right or wrong.
VALUES: Final[list[object]] = [
    *(None, "", 0, 1, 7, -1, 7.0, True, False, 2**63 - 1, 2**63, 2**64, LATEST, LATEST + 1),
    *("7", " 7", "-7", "007", "7.0", "٧", "9" * 19, "Anna", "@anna", "en", "not a language!", "\ud800"),
    *("true", "1", [], {}, ["anna"], ["@anna"], ["\udfff"], [7]),
    *({"message": 7}, {"message": -7}, {"message": LATEST + 1}, {"a way": 7}, {"a way": 7, "other": 5}),
    *({"language": "ru"}, {"language": ""}, {"greeted_for_access": "6"}, {"join_requests": "-1001:190"}),
    *({"-1001": 7}, {"-1001": 7, "-1002": 6}, {" -1001": 7}, {"-1001": LATEST + 1}),
    *({"start": [[7]]}, {"start": [[7], [8]]}, {"start": [[8], [7]]}, {"start": [[7], [7]]}, {"start": []}),
    *({"start": [[7], [8], [9]]}, {"start": [[7, 1, 9, "x", 5]]}, {"start": [[7, 0, None, ""]]}),
    *({"start": [[LATEST + 1]]}, {"start": [[7], [8, -1]]}, {"nothing": [[7]]}),
    *([[7, "first_name", "A"]], [[LATEST + 1, "first_name", "A"]], [[-7, "first_name", "A"]], [[7, "a"]]),
    *([[at, "first_name", "A"] for at in range(30)], '{"message":7}', '{"start":[[7]]}', "[]", "{"),
    *({"shop": {"a": 1.5}}, {"shop": {}}, {"shop": [1]}, {"shop": {"a": 2**70}}, {"5": {"name": "order"}}),
    *({"-5": {"name": "o", "key": "k", "at": 1}}, {"5": {"name": "o", "key": "", "at": 1, "steps": [["a"]]}}),
]  # fmt: skip
#: What a table may have in a cell.
CELLS: Final = [
    *("", "0", "1", "7", "-7", "'-7", "7.0", "5.00", "1,000", "007", " 7", "٧", "1700000000000"),
    *("4-5", "'-", "-", "--7", "'-'-7", "-007", "'-8" + "9" * 15 + "00", "8" + "9" * 15 + "00"),
    *("1" + "0" * 18, "9" * 19, str(LATEST), str(LATEST + 1), "2020-01-01", "yes", "no", "true", "en"),
    *("not a language!", "Anna", "'=Anna", '="Anna"', "null", "'null", "NULL", " ", "''"),
    *("anna bella", "@anna", "an na!"),
    *("https://t.me/anna", '{"message":7}', '{"message":-7}', '{"a way":7}', '{"start":[[7]]}', "\ud800"),
    *('{"start":[[7],[8]]}', '{"start":[[8],[7]]}', '{"x":[[7]]}', '{"language":"ru"}', '{"language":"!"}'),
    *('{"-1001":7}', '[[7,"first_name","A"]]', "{", "{}", "[]"),
    *('{"shop":{"a":1.5}}', '{"shop":[1]}', '{"5":{"name":"o","key":"k","at":1}}', '{"5":{}}'),
]  # fmt: skip


def explained(given: Mapping[str, object]) -> Entry | None:
    """Return the entry as the other way reads it; None if it says what is wrong."""
    try:
        return from_fields(given, NOW, BOT)
    except EntryError:
        return None


def shown(entry: Entry | None) -> tuple[object, ...]:
    """Return an entry in a form that is equal only if the order of its parts is the same, too."""
    return () if entry is None or entry.user is None else (entry, pack(entry.user))


def of(read: ExportedUser | None) -> Entry | None:
    return None if read is None else from_exported(read)


def as_exported(user: UserFields) -> tuple[dict[str, Any], list[str]]:
    """Return the object, and the row, that an export makes of a user."""
    one = packed(UserRecord(user, judge(user.evidence, NOW).access))
    return json.loads(to_json(one, PEER, BOT)), [*map(str, to_cells(one, PEER, BOT))]


@given(users())
def test_what_an_export_wrote_is_read_as_the_other_way_reads_it(user: UserFields) -> None:
    fields, row = as_exported(user)
    wanted = explained(fields)
    assert wanted is not None
    line = json.dumps(fields)
    # Only these are left to the other way: what an older version kept elsewhere, lone surrogates, two pieces
    # of evidence of one kind and second, and what plugins keep.
    odd = not OLDER.isdisjoint(user.preferences) or "\\ud" in line or bool(user.data or user.talks)
    odd = odd or not LANGUAGE_CODE.fullmatch(user.preferences.get(LANGUAGE, "en"))
    odd = odd or any(len(span) > 1 and span[0][0] == span[1][0] for span in user.evidence.spans.values())
    for read in (
        from_line(line, LATEST, BOT),
        from_values(fields, LATEST, BOT),
        *TABLE.read([row], LATEST, BOT),
    ):
        assert of(read) == wanted or (odd and read is None)


@pytest.mark.parametrize("name", COLUMNS)
def test_whatever_a_field_holds_is_read_as_the_other_way_reads_it(name: str) -> None:
    for value in VALUES:
        fields = {"id": 7, "last_seen": 5, "access_hash": "-9", name: value}
        for read in (from_line(json.dumps(fields), LATEST, BOT), from_values(fields, LATEST, BOT)):
            if read is not None:
                assert shown(from_exported(read)) == shown(explained(fields)), value


@pytest.mark.parametrize("name", COLUMNS)
def test_whatever_a_cell_holds_is_read_as_the_other_way_reads_it(name: str) -> None:
    empty = {**dict.fromkeys(COLUMNS, ""), "id": "7", "last_seen": "5", "access_hash": "'-9"}
    rows = [{**empty, name: cell} for cell in CELLS]
    together = TABLE.read([list(row.values()) for row in rows], LATEST, BOT)
    for row, beside_others in zip(rows, together, strict=True):
        (alone,) = TABLE.read([list(row.values())], LATEST, BOT)
        for read in (alone, beside_others):
            if read is not None:
                assert shown(from_exported(read)) == shown(from_cells(row, NOW, BOT, never_unclear)), row[
                    name
                ]
        assert alone == beside_others, row[name]


@pytest.mark.parametrize(
    "line",
    [
        *(
            "",
            "7",
            "[]",
            "{}",
            '{"id":0}',
            '{"id":-100}',
            '{"id":7',
            '{"id":7}}',
            '{"user_id":7}',
            '{"ID":7}',
        ),
        *('{"id":7,"bot_id":43}', '{"id":7,"bot":true}', '{"id":7,"deleted":true}', '{"id":"7"}'),
    ],
)
def test_other_lines_are_left_to_the_other_way(line: str) -> None:
    assert from_line(line, LATEST, BOT) is None


def entries_of(path: Path, **choices: Any) -> tuple[list[Entry], list[tuple[int, str]]]:
    refused: list[tuple[int, str]] = []
    file = UserFile(path, BOT, NOW, **choices)
    return list(file.entries(lambda line, reason: refused.append((line, reason)))), refused


def test_a_byte_that_is_not_utf8_is_refused_in_a_line_of_an_export(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b'{"id":7,"first_name":"A\xff"}\n{"id":8,"first_name":"A"}\n')
    found, refused = entries_of(tmp_path / "file")
    assert ([entry.id for entry in found], refused) == ([8], [(1, "not UTF-8")])


def test_the_column_that_was_chosen_counts_in_an_export_too(tmp_path: Path) -> None:
    for text in ('{"id":7,"bot_id":42}\n', '[{"id":7,"bot_id":42}]'):
        (tmp_path / "file").write_text(text)
        assert [entry.id for entry in entries_of(tmp_path / "file", id_name="bot_id")[0]] == [42]
