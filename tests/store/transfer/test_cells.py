"""What cells say in the dialects of spreadsheets and databases, and that every text comes back from one."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tgbot.store.transfer.cells import CellError, flag_of, guarded, names_of, number_of, text_of, time_of

NOTHING = [
    "",
    " ",
    "NULL",
    "null",
    "None",
    "none",
    "\\N",
    "nan",
    "NaN",
    "-",
    "n/a",
    "N/A",
    "#N/A",
    "''",
    '""',
]
NOTHING += ["(null)", "<NA>", " NULL ", "—"]


@given(st.text() | st.text("'=+-@\t\r\n\"NAnul ,;0123456789\\\ufeff", max_size=24) | st.sampled_from(NOTHING))
@example("''")
@example("'=1")
@example("123456789012345000")
@example("'123456789012345000")
def test_every_text_comes_back_from_a_cell_that_no_spreadsheet_computes(text: str) -> None:
    cell = guarded(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert (text_of(cell) or "") == text
    for separator in ",;\t|":
        table = io.StringIO(newline="")
        csv.writer(table, delimiter=separator, lineterminator="\r\n").writerow([cell, "end"])
        again = next(csv.reader(io.StringIO(table.getvalue(), newline=""), delimiter=separator, strict=True))
        assert again == [cell, "end"]


@pytest.mark.parametrize("text", ["Anna", "'t Hooft", "Null", "Na", "Nan", "a=b", "O'Neil", "1"])
def test_a_text_that_means_nothing_to_a_spreadsheet_is_its_own_cell(text: str) -> None:
    assert guarded(text) == text
    assert text_of(text) == text


@pytest.mark.parametrize("cell", NOTHING)
def test_by_what_other_tools_say_nothing_nothing_is_said(cell: str) -> None:
    for read in (text_of, number_of, time_of, flag_of, names_of):
        assert read(cell) is None


@pytest.mark.parametrize("cell", ["Null", "NIL", "NOne", "N/a", "nAn"])
def test_what_is_no_number_in_any_case_is_nothing_where_a_number_stands(cell: str) -> None:
    for read in (number_of, time_of, flag_of):
        assert read(cell) is None


@pytest.mark.parametrize(
    "cell",
    [
        "5000000001",
        " 5000000001 ",
        "+5000000001",
        "'5000000001",
        '"5000000001"',
        "'5000000001'",
        '="5000000001"',
        "5,000,000,001",
        "5.000.000.001",
        "5 000 000 001",
        "5\u00a0000\u00a0000\u00a0001",
        "5\u202f000\u202f000\u202f001",
        "5'000'000'001",
        "5’000’000’001",
        "5_000_000_001",
        "5000000001.0",
        "5000000001,00",
        "5,000,000,001.00",
        "5.000.000.001,00",
        "5.000000001E+09",
        "5,000000001E+09",
        "5.0000000010e9",
        "0005000000001",
    ],
)
def test_a_number_is_read_however_it_is_written(cell: str) -> None:
    assert number_of(cell) == 5_000_000_001


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("5.0E+09", "lost digits"),
        ("5E9", "lost digits"),
        ("8.93327804914053E+18", "lost digits"),
        ("8933278049140530000", "lost digits"),
        ("9007199254740994.0", "lost digits"),
        ("8.933278049140534209E+18", "lost digits"),
        ("5.000", "may be a decimal or thousands"),
        ("5,000", "may be a decimal or thousands"),
        ("1.5", "is not a whole number"),
        ("5.5E+00", "is not a whole number"),
        ("1E-5", "is not a number"),
        ("5 000 00 001", "is not a number"),
        ("5,000.000,001", "is not a number"),
        ("seven", "is not a number"),
        ("0x10", "is not a number"),
        ("٥٥٥", "is not a number"),
        ("inf", "is not a number"),
    ],
)
def test_a_number_that_is_not_certain_is_refused(cell: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        number_of(cell)


@pytest.mark.parametrize(
    ("cell", "number"),
    [("1,234", 1234), ("5,000.00", 5000), ("-5", -5), ("\u22125", -5), ("0", 0), ("-0", 0)],
)
def test_smaller_numbers(cell: str, number: int) -> None:
    assert number_of(cell) == number


@given(st.integers(-(2**63), 2**63))
def test_every_number_comes_back_from_a_guarded_cell(number: int) -> None:
    assert number_of(guarded(str(number))) == number


@given(st.text(max_size=30) | st.text("0123456789.,eE+-' \"=:/TZ\u00a0", max_size=24))
def test_whatever_a_cell_holds_it_is_understood_or_refused_in_words(cell: str) -> None:
    for read in (number_of, time_of, flag_of, names_of):
        said = "is"
        try:
            read(cell)
        except CellError as error:
            said = str(error)
        assert said.startswith(("is", "has", "may"))


MOMENT = int(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "cell",
    [
        "1700000000",
        "1700000000.25",
        "1700000000000",
        "1700000000000000",
        "1700000000000000000",
        "1.700000000E+09",
        "1,700,000,000",
        "2023-11-14T22:13:20Z",
        "2023-11-14T22:13:20+00:00",
        "2023-11-15 01:13:20+03",
        "2023-11-14 22:13:20",
        "2023-11-14 22:13:20.123456",
        "2023-11-14 22:13:20 UTC",
        "2023/11/14 22:13:20",
        "14.11.2023 22:13:20",
        "14.11.2023, 22:13:20",
        "14/11/2023 22:13:20",
        "11/14/2023 22:13:20",
        "11/14/2023 10:13:20 PM",
        "14-11-2023 22:13:20",
    ],
)
def test_a_time_is_read_however_it_is_written(cell: str) -> None:
    assert time_of(cell) == MOMENT


def test_a_date_alone_is_its_midnight() -> None:
    day = MOMENT - MOMENT % 86_400
    for cell in ("2023-11-14", "14.11.2023", "11/14/2023", "2023/11/14"):
        assert time_of(cell) == day
    assert time_of("05/05/2023") == int(datetime(2023, 5, 5, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("05/06/2023", "may be a day and a month or a month and a day"),
        ("1.7E+09", "lost digits"),
        ("yesterday", "is not a time"),
        ("2023-13-45", "is not a time"),
        ("31.02.2023", "is not a time"),
        ("1969-12-31", "before 1970"),
    ],
)
def test_a_time_that_is_not_certain_is_refused(cell: str, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        time_of(cell)


@pytest.mark.parametrize(
    "cell", ["1", "1.0", "TRUE", "true", "t", "Yes", "y", "on", "да", "ИСТИНА", "WAHR", "VRAI"]
)
def test_true_in_several_tongues(cell: str) -> None:
    assert flag_of(cell) is True


@pytest.mark.parametrize(
    "cell", ["0", "0.0", "FALSE", "f", "No", "off", "нет", "ЛОЖЬ", "FALSCH", "FAUX", "b'0'"]
)
def test_false_in_several_tongues(cell: str) -> None:
    assert flag_of(cell) is False


def test_what_is_neither_is_refused() -> None:
    for cell in ("maybe", "2", "10", "tr"):
        with pytest.raises(CellError, match="neither true nor false"):
            flag_of(cell)


@pytest.mark.parametrize(
    "cell", ["@anna Annie", "anna,annie", '["anna", "annie"]', "{anna,annie}", "t.me/anna;annie"]
)
def test_usernames_are_read_however_they_are_listed(cell: str) -> None:
    names = names_of(cell)
    assert names is not None
    assert [name.lower() for name in names] == ["anna", "annie"]


def test_what_cannot_be_a_username_is_refused() -> None:
    for cell in ("Anna-Maria", "Анна", "a.b", "https://example.com/anna"):
        with pytest.raises(CellError, match="is not a username"):
            names_of(cell)


def test_a_formula_that_holds_a_text_is_that_text() -> None:
    assert text_of('="00123"') == "00123"
    assert text_of('="say ""a"""') == 'say "a"'
