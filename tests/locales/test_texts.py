from __future__ import annotations

import ast as ast_
import re
from pathlib import Path

import pytest
from fluent.syntax import FluentParser, ast
from fluent.syntax.visitor import Visitor
from hypothesis import given
from hypothesis import strategies as st

from tgbot.core.errors import TextError
from tgbot.locales import texts as locales
from tgbot.locales.ftl import read_file
from tgbot.locales.texts import Texts, ours

OWN = Path(locales.__file__).parent
PACKAGE = OWN.parent


class Variables(Visitor):  # type: ignore[misc]  # fluent.syntax is untyped
    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_VariableReference(self, node: ast.VariableReference) -> None:
        self.found.add(node.id.name)


def texts_of(path: Path) -> dict[str, set[str]]:
    """Return message id → the arguments it takes."""
    found = {}
    for entry in FluentParser().parse(path.read_text(encoding="utf-8")).body:
        assert not isinstance(entry, ast.Junk), entry.content
        if isinstance(entry, ast.Message):
            variables = Variables()
            variables.visit(entry)
            found[entry.id.name] = variables.found
    return found


def written(directory: Path, **files: str) -> list[Path]:
    for name, content in files.items():
        (directory / f"{name}.ftl").write_text(content, encoding="utf-8")
    return sorted(directory.iterdir())


@pytest.mark.parametrize("path", sorted(OWN.glob("*.ftl")), ids=lambda path: path.stem)
def test_every_language_has_the_texts_that_english_has(path: Path) -> None:
    assert texts_of(path) == texts_of(OWN / "en.ftl")


@pytest.mark.parametrize("path", sorted(OWN.glob("*.ftl")), ids=lambda path: path.stem)
def test_no_text_stands_twice_in_a_file(path: Path) -> None:
    ids = re.findall(r"^([a-zA-Z][\w-]*) *=", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(ids) == sorted(set(ids))


def test_no_text_of_the_bot_has_a_mistake() -> None:
    assert Texts(ours()).mistakes == []


@pytest.mark.parametrize("path", sorted(OWN.glob("*.ftl")), ids=lambda path: path.stem)
def test_a_file_read_text_by_text_has_the_texts_that_it_has_as_a_whole(path: Path) -> None:
    whole, by_text = read_file(path), read_file(path, tried=True)
    assert (whole.others, whole.language) == ({}, by_text.language)
    for one, other in zip(whole.entries, by_text.entries, strict=True):
        assert isinstance(other.message, str)
        assert one.node.value.equals(other.node.value)
        for name in ("file", "line", "id", "documented", "variables", "references"):
            assert getattr(one, name) == getattr(other, name), (one.id, name)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_text_renders(language: str, caplog: pytest.LogCaptureFixture) -> None:
    texts = Texts.load()
    for message_id, names in texts_of(OWN / f"{language}.ftl").items():
        for value in ("x", 1, 5):
            assert texts.render(language, message_id, **dict.fromkeys(names, value)).strip()
    assert caplog.records == []


def test_english_and_russian_are_there() -> None:
    assert Texts.load().languages[0] == "en"
    assert {"en", "ru"} <= set(Texts.load().languages)


def test_the_language_is_the_exact_one_then_its_base_then_english(tmp_path: Path) -> None:
    files = written(tmp_path, en="a = English", pt="a = Português", **{"pt-BR": "a = Brasileiro"})
    texts = Texts(files)
    expected = {
        "pt-BR": "pt-BR",
        "pt-br": "pt-BR",
        "pt_BR": "pt-BR",
        "pt-PT": "pt",
        "PT": "pt",
        "pt-BR-x-y": "pt-BR",
        "de": "en",
        "": "en",
        "-": "en",
        "x" * 10_000: "en",
    }
    assert {code: texts.choose(code) for code in expected} == expected
    assert texts.choose(None) == "en"
    assert texts.render("pt-br", "a") == "Brasileiro"
    assert texts.render("de", "a") == "English"
    assert texts.languages == ("en", "pt", "pt-BR")


def test_a_missing_text_falls_back_text_by_text(tmp_path: Path) -> None:
    texts = Texts(written(tmp_path, en="a = A\nb = B\nc = C", pt="a = pa\nb = pb", **{"pt-BR": "a = ba"}))
    assert [texts.render("pt-BR", name) for name in "abc"] == ["ba", "pb", "C"]


def test_a_text_in_no_language_is_an_error_that_names_it(tmp_path: Path) -> None:
    texts = Texts(written(tmp_path, en="a = A", pt="b = B"))
    with pytest.raises(TextError, match=r"pt\.ftl and en\.ftl .* no text nowhere"):
        texts.render("pt", "nowhere")


def test_a_directory_of_one_s_own_goes_over_the_bot_s_texts(tmp_path: Path) -> None:
    (message_id, *_) = [name for name, names in texts_of(OWN / "en.ftl").items() if not names]
    written(tmp_path, en=f"{message_id} = mine", xx="hello = hi")
    (tmp_path / "notes.txt").write_text("not a language")
    texts = Texts.load(tmp_path)
    assert texts.render("en", message_id) == "mine"
    assert texts.render("xx", "hello") == "hi"
    assert texts.render("ru", message_id) == Texts.load().render("ru", message_id)


def test_plural_rules_are_the_language_s(tmp_path: Path) -> None:
    rule = "users = { $n ->\n [one] пользователь\n [few] пользователя\n *[many] пользователей\n }"
    texts = Texts(written(tmp_path, en="users = { $n }", ru=rule))
    said = [texts.render("ru", "users", n=n) for n in (1, 2, 5, 11, 21)]
    one, few, many = "пользователь", "пользователя", "пользователей"
    assert said == [one, few, many, many, one]


@given(st.text(), st.text())
def test_arguments_come_out_as_they_are(name: str, other: str) -> None:
    texts = Texts.__new__(Texts)
    texts.__dict__.update(SHARED.__dict__)
    assert texts.render("en", "greeting", name=name, other=other) == f"<{name}> {other}{name}!\nBye, {name}."
    assert texts.render("en", "quoted", name=name) == f"{{{name}"


class Source:
    name = "en.ftl"

    def read_bytes(self) -> bytes:
        return (
            b"greeting = <{ $name }> { $other }{ $name }!\n    { bye }\n"
            b"bye = Bye, { $name }.\n"
            b'quoted = { "{" }{ $name }\n'
        )


SHARED = Texts([Source()])  # type: ignore[list-item]  # all that is read of a file


def test_a_missing_argument_is_shown_by_its_name_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    texts = Texts(written(tmp_path, en="a = Hello, { $name }"))
    assert texts.render("en", "a") == "Hello, name"
    assert "text a in en" in caplog.text


def test_texts_that_refer_to_each_other_in_a_circle_do_not_hang(tmp_path: Path) -> None:
    texts = Texts(written(tmp_path, en="a = x { b }\nb = y { a }\nc = { nowhere }"))
    assert texts.render("en", "a").startswith("x ")
    assert texts.render("en", "c")
    assert {mistake.id for mistake in texts.mistakes} == {"a", "b", "c"}


def own(directory: Path, **files: str) -> list[Path]:
    """Return files in a directory of their own."""
    directory.mkdir()
    return written(directory, **files)


ENGLISH = """
hello = Hello, { $name }! { more }
more = I am { -brand }.
-brand = tgbot
bye = Bye!
count = { $n ->
    [one] one
   *[other] { $n } of { $all }
}
## The page, where $domain is known

page = Hello
"""


def test_a_reference_leads_to_the_nearest_language_that_has_the_text(tmp_path: Path) -> None:
    files = written(
        tmp_path, en=ENGLISH, pt="hello = Olá, { $name }! { more } { bye }", **{"pt-BR": "bye = Tchau!"}
    )
    texts = Texts(files)
    assert texts.mistakes == []
    assert texts.render("pt", "hello", name="Ana") == "Olá, Ana! I am tgbot. Tchau!"
    assert texts.render("pt-BR", "hello", name="Ana") == "Olá, Ana! I am tgbot. Tchau!"
    assert texts.render("pt-BR", "bye") == "Tchau!"
    assert texts.render("de", "hello", name="Ana") == "Hello, Ana! I am tgbot."


HELLO = "Hello, N! I am tgbot."
#: Texts with mistakes → what is said of them, and what people read.
MISTAKES = [
    (
        "hello = Hallo, { $nam }!",
        "hello: the bot gives it no $nam; did you mean $name?",
        HELLO,
    ),
    ("hello = Hallo, { $x }!", "hello: the bot gives it no $x; the bot gives $name", HELLO),
    ("bye = Tschüss, { $x }!", "bye: the bot gives it no $x; the bot gives it none", "Bye!"),
    ("hello = { mor }", "hello: there is no text mor; did you mean more?", HELLO),
    ("hello = { -brant }", "hello: there is no term -brant; did you mean -brand?", HELLO),
    (
        "hello = { NUMER($name) }",
        "hello: it cannot be rendered: Unknown function: NUMER",
        HELLO,
    ),
    ("hello = { DATETIME($name) }", "hello: it cannot be rendered: ", HELLO),
    ("hello = { hello }", "hello: it cannot be rendered: Cyclic reference", HELLO),
    ("bye = { hello }", "bye: it cannot be rendered: it is not given $name", "Bye!"),
    (
        "count = { $n ->\n [one] { $al }\n *[other] x\n }",
        "count: the bot gives it no $al; did you mean $all?",
        "5 of 9",
    ),
    ("count = { $n ->\n [one] eins\n *[other] { x }\n }", "count: there is no text x", "5 of 9"),
    ("helo = Hallo", "helo: the bot has no such text; did you mean hello?", ""),
    ("Hello = Hallo", "Hello: the bot has no such text; did you mean hello?", ""),
    ("quite-another = Hallo", "quite-another: no English file has such a text", ""),
    ("bye = A\nbye = B", "bye: it stands in line 1 already, and this one counts", "B"),
]


@pytest.mark.parametrize(
    ("language", "text", "told", "read"),
    # English is the measure: a text that only English has is a new one.
    [("de", *mistake) for mistake in MISTAKES]
    + [("en", *mistake) for mistake in MISTAKES if "no English" not in mistake[1]],
)
def test_a_text_with_a_fault_is_told_and_another_stands_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, language: str, text: str, told: str, read: str
) -> None:
    files = [*own(tmp_path / "bot", en=ENGLISH), *own(tmp_path / "own", **{language: f"\n# mine\n{text}"})]
    texts = Texts(files)
    (mistake,) = texts.mistakes
    line = 4 if "already" in told else 3
    assert str(mistake).startswith(f"{files[1]}:{line}: {told}".replace("line 1 ", "line 3 "))
    id_ = text.partition(" ")[0]
    if read:
        assert texts.render(language, id_, name="N", n=5, all=9) == read
    assert texts.render(language, "more") == "I am tgbot."
    assert caplog.records == []


def test_variables_that_a_comment_names_may_be_used(tmp_path: Path) -> None:
    page = "page = Hallo auf { $domain }"
    texts = Texts([*own(tmp_path / "bot", en=ENGLISH), *own(tmp_path / "own", de=page)])
    assert texts.mistakes == []
    assert texts.render("de", "page", domain="x.example") == "Hallo auf x.example"


def test_texts_are_found_through_terms_attributes_and_messages_without_a_value(tmp_path: Path) -> None:
    known = own(tmp_path / "bot", en="bot = the bot\nyou = you")
    mine = (
        "all = { -we }, { label.tip }, { button.tip }\n"
        "-we = { bot } and { -you }\n-you = { you }\n"
        "label =\n    .tip = see { bot }\n"
        "button = Press\n    .tip = or { you }"
    )
    texts = Texts([*known, *own(tmp_path / "own", en=mine)], tried=known)
    assert texts.mistakes == []
    assert texts.render("en", "all") == "the bot and you, see the bot, or you"


def test_a_fault_costs_only_its_own_text(tmp_path: Path) -> None:
    spoilt = "more = { NUMER(1) }\nbye = Tschüss! { more }\nhello = Hallo, { $name }! { more }"
    texts = Texts([*own(tmp_path / "bot", en=ENGLISH), *own(tmp_path / "own", de=spoilt)])
    assert [mistake.id for mistake in texts.mistakes] == ["more"]
    assert texts.render("de", "bye") == "Tschüss! I am tgbot."
    assert texts.render("de", "hello", name="N") == "Hallo, N! I am tgbot."


def test_the_same_files_are_tried_once_and_changed_ones_again(tmp_path: Path) -> None:
    files = own(tmp_path / "bot", en=ENGLISH)
    first = Texts(files)
    assert Texts(files).mistakes is first.mistakes
    files = own(tmp_path / "later", en=f"{ENGLISH}\nlost = {{ nowhere }}")
    assert [mistake.id for mistake in Texts(files).mistakes] == ["lost"]
    assert first.mistakes == []


def test_texts_of_plugins_are_no_faults_and_measured_by_their_english(tmp_path: Path) -> None:
    shop = {"en": "shop-sold = Sold { $what }", "de": "shop-sold = { $wat } verkauft"}
    texts = Texts([*own(tmp_path / "bot", en=ENGLISH), *own(tmp_path / "own", **shop)])
    (mistake,) = texts.mistakes
    assert str(mistake).endswith("shop-sold: the bot gives it no $wat; did you mean $what?")
    assert texts.render("de", "shop-sold", what="tea") == "Sold tea"


def test_a_file_of_any_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "en.ftl").write_bytes(b"\xef\xbb\xbf# mine\r\na = A\r\nb =\r\n    one\r\n    two { x }\r\n")
    texts = Texts([tmp_path / "en.ftl"])
    assert texts.render("en", "a") == "A"
    assert [(mistake.line, mistake.id) for mistake in texts.mistakes] == [(3, "b")]


def test_plural_rules_of_an_unknown_language_are_not_this_machine_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_CTYPE", "LANG"):
        monkeypatch.setenv(name, "ru_RU.UTF-8")
    count = "count = { $n ->\n [one] wa'\n *[other] law'\n }"
    texts = Texts(written(tmp_path, en=ENGLISH, tlh=count))
    assert [texts.render("tlh", "count", n=n) for n in (1, 21)] == ["wa'", "law'"]


@pytest.mark.parametrize("code", ["iw", "he", "he-IL", "iw_IL-raw", "HE"])
def test_a_file_named_by_an_old_code_is_found_by_all(tmp_path: Path, code: str) -> None:
    for number, name in enumerate(("iw", "he-IL", "heb", "HE")):
        texts = Texts(own(tmp_path / str(number), en=ENGLISH, **{name: "bye = שלום"}))
        assert texts.render(code, "bye") == "שלום"
        assert texts.codes == ("he",)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("en", "\n\na = { $", r"en\.ftl:3 .*not Fluent"),
        ("en", "a = { $\nb = B\nc = {}\n", r"en\.ftl:1 .*not Fluent.*; line 3: 'c = \{\}' \(Expected"),
        ("readme", "a = A", r"readme\.ftl .*not named after a language"),
        ("en", "no text at all", "not Fluent: 'no text at all'"),
        ("pt", "a = A", r"no en\.ftl"),
    ],
)
def test_a_bad_file_is_told_by_name(tmp_path: Path, name: str, content: str, reason: str) -> None:
    with pytest.raises(TextError, match=reason):
        Texts(written(tmp_path, **{name: content}))


def test_a_file_that_is_no_text_and_a_directory_that_is_none_are_told(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="nowhere"):
        Texts.load(tmp_path / "nowhere")
    (tmp_path / "en.ftl").write_bytes(b"\xff\xfe")
    with pytest.raises(TextError, match=r"en\.ftl"):
        Texts.load(tmp_path)


def test_a_file_reads_the_same_from_every_editor(tmp_path: Path) -> None:
    text = "a = Привет\nb = one\n    two\n"
    for content in (text, "\ufeff" + text, text.replace("\n", "\r\n")):
        (tmp_path / "en.ftl").write_bytes(content.encode())
        texts = Texts([tmp_path / "en.ftl"])
        assert (texts.render("en", "a"), texts.render("en", "b")) == ("Привет", "one\ntwo")


@pytest.mark.parametrize(
    ("encoding", "reason"),
    [("utf-16", "it is UTF-16 text: save it as UTF-8"), ("koi8-r", r"it is not UTF-8 text \(line 2\): save")],
)
def test_a_file_in_another_encoding_is_told_with_what_to_do(
    encoding: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "en.ftl").write_bytes("a = A\nb = Привет\n".encode(encoding))
    with pytest.raises(TextError, match=rf"en\.ftl cannot be used: {reason}"):
        Texts([tmp_path / "en.ftl"])


def test_strangers_cannot_fill_memory_with_language_codes() -> None:
    texts = Texts.load()
    for number in range(5_000):
        texts.choose(f"xx-{number}")
    assert len(texts._chains) <= 1_000


#: Calls whose words somebody reads, and those that take words from the files.
SPOKEN = {"answer", "send", "respond", "reply", "send_message", "edit_message", "acknowledge", "show_instead"}
SPOKEN |= {"inline", "url"}
RENDERED = {"render", "say", "greeting", "self"}


def called(node: ast_.Call) -> str:
    return node.func.attr if isinstance(node.func, ast_.Attribute) else getattr(node.func, "id", "")


def words_in(node: ast_.AST) -> list[str]:
    """Return the strings in the code itself."""
    if isinstance(node, ast_.Call) and called(node) in RENDERED:
        return []
    if isinstance(node, ast_.Constant):
        return [node.value] if isinstance(node.value, str) and re.search(r"[^\W\d_]{2}", node.value) else []
    return [word for child in ast_.iter_child_nodes(node) for word in words_in(child)]


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("handlers/**/*.py")), ids=lambda path: path.stem)
def test_every_word_that_a_handler_says_is_in_the_files(path: Path) -> None:
    for node in ast_.walk(ast_.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast_.Call) and called(node) in SPOKEN:
            assert [word for given in node.args for word in words_in(given)] == []


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("handlers/**/*.py")), ids=lambda path: path.stem)
def test_every_text_that_a_handler_names_is_there(path: Path) -> None:
    for node in ast_.walk(ast_.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast_.Call) and called(node) in RENDERED:
            for given in node.args[:2]:
                if isinstance(given, ast_.Constant) and isinstance(given.value, str):
                    assert given.value in texts_of(OWN / "en.ftl")
