"""Tables as spreadsheets and databases write them: whose ids they hold, and what is left out of them."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.access import Access
from tgbot.core.errors import AmbiguousIdError, NoSuchColumnError
from tgbot.core.users import Profile, UserFields
from tgbot.store.transfer.entries import Entry
from tgbot.store.transfer.exports import write_text
from tgbot.store.transfer.fields import A_CHAT, COLUMNS
from tgbot.store.transfer.forms import Form, UserFile
from tgbot.store.user_json import pack, refreshed

BOT, NOW = 42, 1_800_000_000
ANNA, BORIS = 5_000_000_001, 5_000_000_002


class Read:
    """What is read of a file."""

    def __init__(self, path: Path, content: str | bytes, id_name: str = "") -> None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.refused: list[tuple[int, str]] = []
        self.file = UserFile(path, BOT, NOW, id_name=id_name)
        self.entries: list[Entry] = list(
            self.file.entries(lambda line, why: self.refused.append((line, why)))
        )

    @property
    def ids(self) -> list[int]:
        return [entry.id for entry in self.entries]

    def user(self, place: int = 0) -> UserFields:
        user = self.entries[place].user
        assert user is not None
        return user

    @property
    def left_out(self) -> dict[str, int]:
        columns = [column for (column, _), number in self.file.unclear.items() for _ in range(number)]
        return {column: columns.count(column) for column in columns}


@pytest.mark.parametrize(
    "header",
    [
        "id,user_id,username",
        "id,telegram_id,username",
        "id,tg_id,username",
        "id,chat_id,username",
        "id,peer_id,username",
        "id,uid,username",
        "id,User ID,username",
        "id,userId,username",
        "Id,Telegram-ID,Username",
        "user_id,telegram_id,username",
        "uid,tg_user_id,username",
    ],
)
def test_row_numbers_are_not_people(header: str, tmp_path: Path) -> None:
    read = Read(tmp_path / "f", f"{header}\n1,{ANNA},anna\n2,{BORIS},boris\n")
    assert (read.ids, read.refused) == ([ANNA, BORIS], [])
    assert read.user().profile.usernames == ("anna",)


@pytest.mark.parametrize(
    ("content", "columns"),
    [
        (f"user_id,chat_id\n1,{ANNA}\n2,{BORIS}\n", "user_id and chat_id"),
        (f"telegram_id,tg_id\n{ANNA},7\n", "telegram_id and tg_id"),
        (f"id,ID\n1,{ANNA}\n", "id and ID"),
        (f"id,client,name\n1,{ANNA},A\n2,{BORIS},B\n3,{BORIS + 5},C\n", "id and client"),
        (f"id,Telegram\n1,{ANNA}\n", "id and Telegram"),
        (f"id,client id\n30001,{ANNA}\n30000,{BORIS}\n29999,{ANNA + 7}\n", "id and client id"),
        (f"id,Клиент\n3,{ANNA}\n7,{BORIS}\n", "id and Клиент"),
        (f"user_id,account\n7,{ANNA}\n8,{BORIS}\n9,{BORIS + 5}\n", "user_id and account"),
    ],
)
def test_columns_that_may_both_hold_the_ids_are_named(content: str, columns: str, tmp_path: Path) -> None:
    with pytest.raises(AmbiguousIdError, match=f"{columns}. Name the right one with --id COLUMN"):
        Read(tmp_path / "f", content)


def test_the_column_that_was_chosen_holds_the_ids(tmp_path: Path) -> None:
    text = f"id,user_id,chat_id,client\n1,7,{ANNA},{BORIS}\n"
    for name, found in (("id", 1), ("user_id", 7), ("Chat ID", ANNA), ("client", BORIS)):
        assert Read(tmp_path / "f", text, name).ids == [found]
    with pytest.raises(
        NoSuchColumnError, match="no column nobody for --id, only id, user_id, chat_id, client"
    ):
        Read(tmp_path / "f", text, "nobody")


def test_the_same_holds_for_objects(tmp_path: Path) -> None:
    text = f'{{"id": 1, "user_id": {ANNA}, "userName": "anna"}}\n'
    assert Read(tmp_path / "f", text).ids == [ANNA]
    assert Read(tmp_path / "f", text, "id").ids == [1]
    assert Read(tmp_path / "f", f'[{{"id": 1, "telegramId": {ANNA}}}]').ids == [ANNA]
    read = Read(tmp_path / "f", f'{{"user_id": 7, "chat_id": {ANNA}}}\n{{"user_id": 7, "chat_id": -100}}')
    assert (read.ids, read.refused) == (
        [7],
        [(1, "user_id and chat_id are different ids: choose one with --id")],
    )


@pytest.mark.parametrize(
    "content",
    [
        f"user_id,chat_id\n{ANNA},{ANNA}\n{BORIS},-1001234567890\n",
        f"id,referrer_id,name\n{ANNA},{BORIS},Anna\n{BORIS},,Boris\n",
        f"id,age\n{ANNA},30\n{BORIS},31\n",
        f"telegram_id,client\n{ANNA},900000\n{BORIS},900001\n",
        f"id,client\n{ANNA},900000\n{BORIS},900001\n",
    ],
)
def test_columns_that_agree_or_hold_something_else_are_no_doubt(content: str, tmp_path: Path) -> None:
    assert Read(tmp_path / "f", content).ids == [ANNA, BORIS]


def test_small_ids_beside_numbers_of_something_else_are_no_doubt(tmp_path: Path) -> None:
    assert Read(tmp_path / "f", "id,created,phone,score\n7,1700000000,491701234567,20000\n").ids == [7]


def test_ids_that_are_nobodys_are_counted_as_what_they_are(tmp_path: Path) -> None:
    read = Read(tmp_path / "f", "chat_id\n7\n0\n-5\n-1001234567890\n\nNULL\nx\n")
    assert read.ids == [7]
    assert read.refused == [
        (3, "the id is not that of a user: those are above 0"),
        (4, A_CHAT),
        (5, A_CHAT),
        (7, "no id"),
        (8, "the id is not a number"),
    ]
    assert Read(tmp_path / "f", "-1001234567890\n7\n").refused == [(1, A_CHAT)]


def test_a_cell_that_cannot_be_understood_costs_itself_and_is_counted_by_column(tmp_path: Path) -> None:
    read = Read(
        tmp_path / "f",
        "id;Vorname;first_name;is_premium;last_seen;username;evidence;bot_id\n"
        "7;x;Anna;maybe;yesterday;no name!;{;\n"
        "8;x;Boris;ja;14.11.2023 22:13;boris;;42\n"
        "9;x;Clara;perhaps;2100-01-01;;[];\n",
    )
    assert read.ids == [7, 8, 9]
    assert [read.user(place).profile.first_name for place in range(3)] == ["Anna", "Boris", "Clara"]
    assert read.user(1).profile.premium
    assert read.user(1).last_seen == 1_699_999_980
    assert read.left_out == {"is_premium": 2, "last_seen": 2, "username": 1, "evidence": 2}
    assert read.file.unclear["last_seen", "has a time in the future"] == 1
    assert read.file.unknown == ["Vorname"]


def test_a_row_of_another_bot_or_of_one_that_cannot_be_told_is_refused(tmp_path: Path) -> None:
    read = Read(tmp_path / "f", "id,bot_id\n7,43\n8,x\n9,42\n")
    assert read.ids == [9]
    assert [line for line, _ in read.refused] == [2, 3]


def test_what_says_nothing_is_nothing(tmp_path: Path) -> None:
    for nothing in ("NULL", "null", "None", r"\N", "nan", "-", "n/a", "N/A", '""', "''", '"NULL"', '""""""'):
        cells = ",".join([nothing] * (len(COLUMNS) - 1))
        read = Read(tmp_path / "f", f"{','.join(COLUMNS)}\n7,{cells}\n")
        assert (read.refused, read.left_out) == ([], {})
        assert read.user() == UserFields(7, Profile(7))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("hint", [False, True])
def test_a_table_is_read_from_whatever_wrote_it(
    encoding: str, separator: str, end: str, hint: bool, tmp_path: Path
) -> None:
    lines = [
        ["name", "User ID", "first_name"],
        ["x", "5000000001", '"Änna\n""A"", B; C"'],
        ["y", "7", "Борис"],
    ]
    text = end.join([*([f"sep={separator}"] if hint else []), "", *map(separator.join, lines)])
    if end == "\r":
        text = text.replace("\n", "\r")
    read = Read(tmp_path / "f", text.encode(encoding))
    assert (read.file.form, read.refused, read.ids) == (Form.CSV, [], [ANNA, 7])
    assert read.user().profile.first_name.split() == ["Änna", '"A",', "B;", "C"]
    assert read.user(1).profile.first_name == "Борис"
    assert read.file.done == read.file.size


def test_json_and_lists_of_ids_are_read_in_other_encodings_too(tmp_path: Path) -> None:
    for text in ('{"id": 7}\n{"id": 8}\n', '[{"id": 7}, 8]', "7\n8\n", "'7\r\n8", '"7"\n"8"\n', "7.0\n8.0\n"):
        for encoding in ("utf-8-sig", "utf-16", "utf-16-le"):
            read = Read(tmp_path / "f", text.encode(encoding))
            assert (read.file.form, read.ids, read.refused) == (Form.JSON, [7, 8], [])


def test_ids_that_lost_their_digits_are_refused_and_not_guessed(tmp_path: Path) -> None:
    read = Read(tmp_path / "f", "user_id,access_hash\n5.0E+09,5\n5.000000001E+09,8.93E+18\n")
    assert (read.ids, read.refused) == ([ANNA], [(2, "the id has lost digits")])
    assert read.left_out == {"access_hash": 1}
    assert read.entries[0].peer is None
    assert Read(tmp_path / "f", "5 000 000 001\n5.0E+09\n").refused == [(2, "the id has lost digits")]


def test_quotes_that_do_not_end_cost_their_row_and_no_other(tmp_path: Path) -> None:
    for after in (3, 3_000):
        ids = list(range(10, 10 + after))
        rest = "".join(f"{number},x\n" for number in ids)
        read = Read(tmp_path / "f", f'id,first_name\n7,Anna\n8,"Boris\n{rest}9,"Clara\n')
        assert read.ids == [7, *ids]
        assert read.refused == [
            (3, "the quotes do not end where a cell ends"),
            (4 + after, "the quotes do not end where a cell ends"),
        ]


def test_of_many_rows_each_is_read_or_refused_in_its_place(tmp_path: Path) -> None:
    kinds = [
        ("7{0},Anna,=1+1,,", None),
        ("7{0},Anna,1700000000,1,-5", None),
        ("7{0},Anna,yesterday,,'-5", None),
        ("-7{0},Anna,,,", A_CHAT),
        ('7{0},"Boris,,,', "the quotes do not end where a cell ends"),
        ("7{0},Anna,,,,more", "more cells than the header names"),
        ("7{0}", None),
    ]
    lines = [(*kinds[number % len(kinds)], number) for number in range(1000)]
    rows = "".join(line.format(number) + "\n" for line, _, number in lines)
    read = Read(tmp_path / "f", f"id,first_name,last_seen,premium,access_hash\n{rows}")
    assert read.ids == [int(f"7{number}") for _, why, number in lines if why is None]
    assert read.refused == [(number + 2, why) for _, why, number in lines if why is not None]
    assert read.left_out == {"last_seen": 286}


def test_a_row_in_another_encoding_keeps_its_id(tmp_path: Path) -> None:
    content = "id,first_name,last_name\n7,Анна,B\n8,Boris,B\n".encode("cp1251")
    read = Read(tmp_path / "f", content)
    assert (read.ids, read.left_out) == ([7, 8], {"first_name": 1})
    assert [read.user(place).profile.last_name for place in (0, 1)] == ["B", "B"]


def test_the_first_of_two_columns_for_the_same_is_read(tmp_path: Path) -> None:
    read = Read(tmp_path / "f", "id,username,usernames,first_name,first_name\n7,other,anna,Anna,Bella\n")
    assert read.user().profile.usernames == ("anna",)
    assert read.user().profile.first_name == "Anna"


ANY = st.text() | st.text("'=+-@\t\r\n\"NULLnan ,;\\\ufeff", max_size=10)


@given(st.lists(ANY, min_size=6, max_size=6))
def test_every_string_comes_back_from_an_exported_table(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    first, last, language, payload, key, value = texts
    user = UserFields(ANNA, Profile(ANNA, first, last, language=language or None), last_payload=payload)
    user.preferences = {key: value} if key not in ("language", "join_requests", "greeted_for_access") else {}
    out = io.StringIO(newline="")
    write_text(out, Form.CSV, iter([(ANNA, refreshed(pack(user, Access.UNKNOWN)), None)] * 2), BOT)
    content = out.getvalue().encode("utf-8", "surrogatepass")
    read = Read(tmp_path_factory.getbasetemp() / "table", content)
    assert (read.refused, read.left_out, read.file.unknown) == ([], {}, [])
    assert [entry.user for entry in read.entries] == [user, user]
    for row in csv.reader(io.StringIO(out.getvalue(), newline="")):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
