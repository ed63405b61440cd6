"""Messages that were delivered are edited: what recipients see, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest
from telethon.tl import types

from tests.messaging.broadcast.conftest import Office
from tests.messaging.broadcast.test_contents import source
from tests.telegram.conftest import until
from tgbot.core.access import Access
from tgbot.core.broadcasterrors import BroadcastStateError, ContentError, SourceError
from tgbot.core.broadcasts import Content, Source
from tgbot.core.deliveries import Correction
from tgbot.messaging.broadcast import attempts
from tgbot.messaging.broadcast.drafts import Markup, text_content
from tgbot.telegram.calls import retries

EDIT = "messages.editMessage"


@pytest.fixture
def edits(office: Office, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The users about whom the bot makes calls, as they are made."""
    made: list[int] = []
    recipients = office.broadcasts._recipients
    deliver = recipients.deliver

    def noted(request: Any) -> Any:
        made.append(request.user_id)
        return deliver(request)

    monkeypatch.setattr(recipients, "deliver", noted)
    return made


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for long before it is tried again."""
    monkeypatch.setattr(retries, "FAULT_PAUSES", (0.01,))
    monkeypatch.setattr(attempts, "PAUSES", (0.01,) * 4)


async def delivered(office: Office, text: str = "news", **options: Any) -> int:
    """Return a broadcast that everybody got."""
    number = await office.begin(text, **options)
    await office.ends(number)
    return number


async def edit(office: Office, number: int, text: str = "better news", **options: Any) -> dict[str, Any]:
    """Edit what was delivered, and return the status at the end."""
    contents = options.pop("contents", None) or {"": text_content(text)}
    await office.broadcasts.edit(number, contents, **options)
    return await office.ends(number)


async def corrections(office: Office, number: int) -> dict[int, tuple[Correction, str]]:
    """Return what came of the last round for each recipient, with the name of a refusal."""
    chunk = await office.store.broadcasts.chunk(number, 0)
    return {
        user: (Correction(chunk.corrections[index]), chunk.refusal_of(index))
        for index, user in enumerate(chunk.ids)
    }


# ---- what recipients see -----------------------------------------------------------------------------------


async def test_everybody_who_got_it_sees_the_new_text(office: Office) -> None:
    people = await office.meet(25)
    (stranger,) = await office.meet(1, language="xx")
    office.world.block(stranger, office.bot_id)
    await until(lambda: office.store.users.get(stranger).verdict(0).access is Access.BLOCKED)
    number = await delivered(office)
    before = office.broadcasts.get(number)
    status = await edit(office, number, contents={"": text_content("**new** words", Markup.MARKDOWN)})
    for person in people:
        (copy,) = office.copies(person)
        assert (copy.post.text, copy.post.entities) == ("new words", [types.MessageEntityBold(0, 3)])
    assert (status["state"], status["action"], status["sent"]) == ("done", "edit", 25)
    assert (status["corrected"], status["refused"], status["untouched"], status["left"]) == (25, 0, 0, 0)
    assert status["started"] == before.started
    assert status["ended"] == before.ended
    assert status["round_started"] <= status["round_ended"]


async def test_each_language_gets_its_own_text_or_that_for_everybody_else(office: Office) -> None:
    people = {code: (await office.meet(1, language=code))[0] for code in ("en", "ru", "de")}
    number = await delivered(
        office, contents={code: text_content(f"old {code}") for code in ("", "ru", "de")}
    )
    status = await edit(office, number, contents={"": text_content("new"), "ru": text_content("new ru")})
    heard = {code: office.heard(person) for code, person in people.items()}
    assert heard == {"en": ["new"], "ru": ["new ru"], "de": ["new"]}
    assert (status["corrected"], status["untouched"]) == (3, 0)


async def test_what_was_sent_in_a_language_that_is_not_named_stays(office: Office, edits: list[int]) -> None:
    people = {code: (await office.meet(1, language=code))[0] for code in ("en", "ru")}
    number = await delivered(office, contents={code: text_content(f"old {code}") for code in ("", "ru")})
    edits.clear()
    status = await edit(office, number, contents={"RU": text_content("new ru")})
    assert (office.heard(people["en"]), office.heard(people["ru"])) == (["old"], ["new ru"])
    assert (status["corrected"], status["untouched"], status["left"]) == (1, 1, 0)
    assert edits == [people["ru"]]


async def test_buttons_stay_unless_others_are_given(office: Office) -> None:
    (person,) = await office.meet(1)

    def shown() -> tuple[str, list[str]]:
        (copy,) = office.copies(person)
        rows = copy.post.markup.rows if copy.post.markup else []
        return copy.post.text, [row.buttons[0].text for row in rows]

    def payload() -> str:
        (copy,) = office.copies(person)
        return str(copy.post.markup.rows[-1].buttons[0].type.url.partition("start=")[2])

    number = await delivered(office, buttons=[("Shop", "https://a.example"), ("Go", "start:sale")])
    link = payload()
    await edit(office, number, "new")
    assert shown() == ("new", ["Shop", "Go"])
    assert payload() == link
    assert await office.broadcasts.clicked(person, link) == "sale"
    await office.broadcasts.edit(number, buttons=[("Other", "https://b.example")])  # the text stays
    await office.ends(number)
    assert shown() == ("new", ["Other"])
    await edit(office, number, "newest", buttons=[])
    assert shown() == ("newest", [])


async def test_a_text_becomes_the_caption_of_a_picture(office: Office) -> None:
    media = office.photo()
    _, place = await source(office, "a caption", media=media)
    (person,) = await office.meet(1)
    number = await delivered(office, contents={"": Content(source=place)})
    await edit(office, number, "new")
    (copy,) = office.copies(person)
    assert (copy.post.text, copy.post.media.photo.id) == ("new", media.photo.id)
    with pytest.raises(ContentError, match="caption has 1,025"):
        await office.broadcasts.edit(number, {"": text_content("x" * 1025)})
    assert office.status(number)["state"] == "done"


async def test_a_picture_can_be_replaced_and_put_into_a_text(office: Office) -> None:
    (person,) = await office.meet(1)
    number = await delivered(office)
    for caption in ("first", "second"):
        media = office.photo()
        _, place = await source(office, caption, media=media)
        await edit(office, number, contents={"": Content(source=place)})
        (copy,) = office.copies(person)
        assert (copy.post.text, copy.post.media.photo.id) == (caption, media.photo.id)


async def test_of_an_album_the_first_caption_is_edited(office: Office) -> None:
    (author,) = await office.meet(1)
    for part in range(3):
        last = office.stage.write(author, f"part {part}", media=office.photo(), grouped_id=5)
    await until(lambda: office.store.users.last_finished(author) >= last)
    (person,) = await office.meet(1)
    number = await delivered(office, contents={"": Content(source=Source(author, last))})
    assert (await edit(office, number, "new"))["corrected"] == 2
    assert [copy.post.text for copy in office.copies(person)] == ["new", "part 1", "part 2"]
    _, picture = await source(office, "", media=office.photo())
    with pytest.raises(ContentError, match="pictures stay"):
        await office.broadcasts.edit(number, {"": Content(source=picture)})
    with pytest.raises(ContentError, match="under an album"):
        await office.broadcasts.edit(number, buttons=[("b", "https://a.example")])


async def test_what_telegram_cannot_make_of_a_message_is_refused_in_words(office: Office) -> None:
    (author,) = await office.meet(1)
    for _ in range(2):
        last = office.stage.write(author, "", media=office.photo(), grouped_id=5)
    contact = types.MessageMediaContact("+1", "A", "B", "", 0)
    contact_id = office.stage.write(author, "", media=contact)
    await until(lambda: office.store.users.last_finished(author) >= contact_id)
    number = await delivered(office)
    for contents, reason in (
        ({}, "there is none"),
        ({"": Content(source=Source(author, last))}, "is an album"),
        ({"": Content(source=Source(author, contact_id))}, "only pictures"),
        ({"ru": text_content("x")}, "nothing was sent in ru"),
        ({"??": text_content("x")}, "no code of a language"),
    ):
        with pytest.raises(ContentError, match=reason):
            await office.broadcasts.edit(number, contents)
    with pytest.raises(SourceError, match="no such message"):
        await office.broadcasts.edit(number, {"": Content(source=Source(author, 10_000))})
    assert office.broadcasts.get(number).round == 0


# ---- what is counted -----------------------------------------------------------------------------------


async def test_an_edit_to_the_same_is_done(office: Office) -> None:
    await office.meet(3)
    number = await delivered(office)
    for _ in range(2):
        status = await edit(office, number)
        assert (status["corrected"], status["refused"]) == (3, 0)


@pytest.mark.parametrize(
    ("error", "access"),
    [
        ("MESSAGE_ID_INVALID", Access.REACHABLE),
        ("MESSAGE_EDIT_TIME_EXPIRED", Access.REACHABLE),
        ("USER_IS_BLOCKED", Access.BLOCKED),
        ("INPUT_USER_DEACTIVATED", Access.DEACTIVATED),
    ],
)
async def test_a_refusal_is_counted_by_its_name_and_is_evidence(
    office: Office, error: str, access: Access
) -> None:
    first, refused, last = await office.meet(3)
    number = await delivered(office)
    office.faults.fail(EDIT, 403, error, peer=refused)
    status = await edit(office, number)
    assert (status["corrected"], status["refused"], status["left"]) == (2, 1, 0)
    assert (status["refusals"], status["errors"], status["sent"]) == ({error: 1}, {}, 3)
    assert await corrections(office, number) == {
        first: (Correction.DONE, ""),
        refused: (Correction.REFUSED, error),
        last: (Correction.DONE, ""),
    }
    assert office.store.users.get(refused).verdict(office.clock()).access is access


@pytest.mark.parametrize(
    "error",
    ["MESSAGE_ID_INVALID", "MSG_ID_INVALID", "MESSAGE_EDIT_TIME_EXPIRED", "MESSAGE_AUTHOR_REQUIRED"],
)
async def test_refusals_about_each_message_do_not_pause_an_edit(office: Office, error: str) -> None:
    await office.meet(8)
    number = await delivered(office)
    office.faults.fail(EDIT, 400, error, times=8)
    status = await edit(office, number)
    assert (status["state"], status["corrected"], status["refusals"]) == ("done", 0, {error: 8})


async def test_a_message_that_a_person_deleted_is_refused(office: Office) -> None:
    kept, gone = await office.meet(2)
    number = await delivered(office)
    (copy,) = office.copies(gone)
    office.world.posts.delete([copy], revoke=True)
    status = await edit(office, number)
    assert (status["corrected"], status["refusals"]) == (1, {"MESSAGE_ID_INVALID": 1})
    assert office.heard(kept) == ["better news"]


async def test_a_second_edit_is_a_round_of_its_own(office: Office) -> None:
    people = await office.meet(5)
    number = await delivered(office)
    office.faults.fail(EDIT, 400, "MESSAGE_EDIT_TIME_EXPIRED", peer=people[0])
    assert (await edit(office, number, "second"))["refused"] == 1
    status = await edit(office, number, "third")
    assert (status["corrected"], status["refused"], status["refusals"]) == (5, 0, {})
    assert [office.heard(person) for person in people] == [["third"]] * 5
    assert office.broadcasts.get(number).round == 2


async def test_who_is_forgotten_is_edited_no_more(office: Office, edits: list[int]) -> None:
    first, forgotten = await office.meet(2)
    number = await delivered(office)
    edits.clear()
    office.leftover.slow_down(0.3)
    await office.broadcasts.edit(number, {"": text_content("new")})
    await until(lambda: office.leftover._streams)
    await office.store.forget(forgotten)
    status = await office.ends(number)
    assert (status["corrected"], status["sent"], status["forgotten"], status["left"]) == (1, 1, 1, 0)
    assert edits == [first]


# ---- how it goes on ------------------------------------------------------------------------------------


async def test_an_edit_is_paused_resumed_and_cancelled(office: Office) -> None:
    people = await office.meet(12)
    number = await delivered(office, rate=100.0)
    office.faults.delay(0.2, EDIT)
    await office.broadcasts.edit(number, {"": text_content("new")})
    await until(lambda: sum(office.heard(person) == ["new"] for person in people) >= 2)
    await office.broadcasts.pause(number)
    status = office.status(number)
    assert status["corrected"] == sum(office.heard(person) == ["new"] for person in people) < 12
    assert (status["state"], status["left"]) == ("paused", 12 - status["corrected"])
    with pytest.raises(BroadcastStateError, match="given an end"):
        await office.broadcasts.resume(number, until=int(office.clock()) + 100)
    await office.broadcasts.resume(number)
    await office.broadcasts.cancel(number)
    status = office.status(number)
    assert (status["state"], status["action"]) == ("cancelled", "edit")
    assert status["left"] > 0
    assert status["round_ended"] is not None
    office.faults.lift()
    assert (await edit(office, number, "newer"))["corrected"] == 12
    assert [office.heard(person) for person in people] == [["newer"]] * 12


@pytest.mark.usefixtures("no_checkpoints")
async def test_an_edit_goes_on_after_a_kill(office: Office) -> None:
    people = await office.meet(40)
    number = await delivered(office, rate=100.0)
    await office.broadcasts.edit(number, {"": text_content("new")})
    await until(lambda: office.status(number)["corrected"] >= 3)
    await office.client.checkpoint()
    saved = office.status(number)["corrected"]
    await until(lambda: office.status(number)["corrected"] > saved)
    await office.kill()
    await office.open(run=False)
    status = office.status(number)
    assert (status["state"], status["action"]) == ("running", "edit")
    assert 3 <= status["corrected"] < 40
    office.run()
    status = await office.ends(number)
    assert (status["corrected"], status["refused"]) == (40, 0)
    assert [office.heard(person) for person in people] == [["new"]] * 40


@pytest.mark.usefixtures("no_checkpoints")
async def test_a_kill_at_the_beginning_of_a_round_loses_none_of_it(office: Office) -> None:
    people = await office.meet(3)
    number = await delivered(office)
    await edit(office, number, "second")
    office.leftover.slow_down(10_000.0)
    await office.broadcasts.edit(number, {"": text_content("third")})
    await office.kill()
    await office.open()
    status = await office.ends(number)
    assert (status["corrected"], status["left"]) == (3, 0)
    assert [office.heard(person) for person in people] == [["third"]] * 3


async def test_a_flood_wait_slows_an_edit(office: Office) -> None:
    people = await office.meet(3)
    number = await delivered(office)
    office.faults.fail(EDIT, 420, "FLOOD_WAIT_1", peer=people[1])
    await office.broadcasts.edit(number, {"": text_content("new")})
    await until(lambda: office.leftover.paused() > 0)
    assert (await office.ends(number))["corrected"] == 3


@pytest.mark.usefixtures("hasty")
async def test_a_fault_is_tried_again_and_given_up_in_the_end(office: Office) -> None:
    first, broken, recovering = await office.meet(3)
    number = await delivered(office)
    office.faults.fail(EDIT, 500, "INTERNAL", times=1000, peer=broken)
    office.faults.fail(EDIT, 500, "INTERNAL", times=5, peer=recovering)
    status = await edit(office, number)
    assert (status["corrected"], status["refusals"]) == (2, {"INTERNAL": 1})
    assert [office.heard(person) for person in (first, broken)] == [["better news"], ["news"]]


async def test_an_edit_that_everybody_is_refused_pauses(office: Office) -> None:
    people = await office.meet(20)
    number = await delivered(office)
    office.faults.fail(EDIT, 400, "BUTTON_URL_INVALID", times=1000)
    await office.broadcasts.edit(number, {"": text_content("new")})
    status = await office.ends(number, "paused")
    assert "BUTTON_URL_INVALID" in status["reason"]
    assert (status["corrected"], status["refused"], status["left"]) == (0, 0, 20)
    office.faults.clear()
    assert (await edit(office, number, "another"))["corrected"] == 20  # in place of the one that pauses
    assert [office.heard(person) for person in people] == [["another"]] * 20


async def test_an_outdated_file_is_fetched_again(office: Office) -> None:
    people = await office.meet(5)
    number = await delivered(office)
    _, place = await source(office, "caption", media=office.photo())
    office.leftover.slow_down(10_000.0)
    await office.broadcasts.edit(number, {"": Content(source=place)})
    await office.stop()
    office.world.files.expire_references()
    await office.open()
    assert (await office.ends(number))["corrected"] == 5
    for person in people:
        (copy,) = office.copies(person)
        assert (copy.post.text, copy.post.media.photo.file_reference) == (
            "caption",
            office.world.files.reference,
        )


# ---- when it can be done -------------------------------------------------------------------------------


async def test_what_is_being_sent_cannot_be_edited_and_what_nobody_got_neither(office: Office) -> None:
    await office.meet(12)
    draft = await office.draft()
    number = await office.begin(rate=20.0)
    await office.sent(number, 1)
    new = {"": text_content("new")}
    for one, advice in ((draft.id, "nobody has got it"), (number, "cancel it first")):
        with pytest.raises(BroadcastStateError, match=advice):
            await office.broadcasts.edit(one, new)
    await office.broadcasts.pause(number)
    with pytest.raises(BroadcastStateError, match="cancel it first"):
        await office.broadcasts.edit(number, new)
    await office.broadcasts.cancel(number)
    office.faults.delay(0.2, EDIT)
    await office.broadcasts.edit(number, new)
    with pytest.raises(BroadcastStateError, match=r"being edited.*pause or cancel that"):
        await office.broadcasts.edit(number, new)
    await office.broadcasts.cancel(number)
    await office.broadcasts.cancel(draft.id)
    with pytest.raises(BroadcastStateError, match="nobody has got it"):
        await office.broadcasts.edit(draft.id, new)


async def test_a_cancelled_broadcast_is_edited_for_all_whom_it_reached_and_goes_no_further(
    office: Office,
) -> None:
    people = await office.meet(12)
    number = await office.begin(rate=20.0)
    await office.sent(number, 3)
    await office.broadcasts.cancel(number)
    sent = office.status(number)["sent"]
    await office.broadcasts.edit(number, {"": text_content("new")})
    status = await office.ends(number, "cancelled", "done")
    await until(lambda: office.broadcasts._runner.current is None)
    assert (status["state"], status["corrected"], status["sent"]) == ("cancelled", sent, sent)
    heard = [office.heard(person) for person in people]
    assert (heard.count(["new"]), heard.count([])) == (sent, 12 - sent)


async def test_who_was_late_gets_the_message_as_it_was_edited(office: Office) -> None:
    people = await office.meet(12)
    number = await office.begin(rate=20.0, until=int(office.clock()) + 3600)
    await office.sent(number, 2)
    office.ahead += 3601
    office.broadcasts.look()
    await office.ends(number)
    status = await edit(office, number, "new")
    assert (status["corrected"], status["not_in_time"]) == (status["sent"], 12 - status["sent"])
    assert status["state"] == "done"  # its deadline is over and ends no edit
    await office.broadcasts.resume(number)
    status = await office.ends(number)
    assert (status["action"], status["sent"]) == ("send", 12)
    assert [office.heard(person) for person in people] == [["new"]] * 12


async def test_an_edit_while_its_contents_are_fetched_makes_way_for_another(office: Office) -> None:
    await office.meet(1)
    number = await delivered(office)
    before = office.broadcasts.get(number)
    await office.broadcasts.edit(number, {"": text_content("new")})
    await office.ends(number)
    with pytest.raises(BroadcastStateError, match="changed meanwhile"):
        await office.broadcasts._states.correct(before, before)


async def test_an_answer_that_is_lost_costs_nothing(office: Office) -> None:
    people = await office.meet(10)
    number = await delivered(office)
    office.faults.lose_answer(EDIT, times=1)
    assert (await edit(office, number))["corrected"] == 10
    assert [office.heard(person) for person in people] == [["better news"]] * 10
