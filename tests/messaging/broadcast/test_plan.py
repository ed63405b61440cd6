"""Plans, prices and tests of broadcasts, before anybody gets one."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.messaging.broadcast.conftest import SEND, Office
from tests.telegram.conftest import until
from tgbot.core.access import Access
from tgbot.core.broadcasterrors import BroadcastStateError, ContentError, PriceError
from tgbot.core.broadcasts import NEWS, NO_NEWS, Audience, Broadcast
from tgbot.core.errors import ArgumentError
from tgbot.core.users import Counts
from tgbot.messaging.broadcast.drafts import text_content
from tgbot.messaging.broadcast.plan import plan, rate_of, stars
from tgbot.store.base import Survey

TEXT = {"": text_content("x"), "pt": text_content("y")}


def test_a_plan_says_who_gets_it_and_who_does_not() -> None:
    counts = Counts(150, {Access.REACHABLE: 100, Access.BLOCKED: 40, Access.UNKNOWN: 10})
    survey = Survey(Counter({"en": 50, "pt-br": 25, "": 5}), declining=7)
    shown = plan(Broadcast(7, 0, 0, TEXT), survey, counts, 30.0)
    assert shown == {
        "id": 7,
        "recipients": 80,
        "languages": {"": 55, "pt": 25},
        "left_out": {"blocked": 40, "unknown": 10, "no_news": 7, "not_in_audience": 13},
        "rate": 30.0,
        "seconds": 3,
        "stars": 0,
    }


def test_the_slowest_of_pace_and_rate_counts() -> None:
    assert rate_of(Broadcast(7, 0, 0, TEXT), 30.0) == 30.0
    assert rate_of(Broadcast(7, 0, 0, TEXT, rate=5.0), 30.0) == 5.0
    assert rate_of(Broadcast(7, 0, 0, TEXT, rate=50.0), 30.0) == 30.0


def test_what_is_above_the_free_pace_costs_a_tenth_of_a_star() -> None:
    assert stars(Broadcast(7, 0, 0, TEXT), 1_000_000, 1000.0) == 0
    paid = Broadcast(7, 0, 0, TEXT, paid=True)
    assert stars(paid, 1_000_000, 30.0) == 0
    assert stars(paid, 1_000_000, 60.0) == 50_000
    assert stars(paid, 1_000_000, 1000.0) == 97_000
    assert stars(Broadcast(7, 0, 0, TEXT, paid=True, rate=20.0), 1_000_000, 1000.0) == 0


async def test_a_plan_is_made_of_the_registry_and_freezes_nothing(office: Office) -> None:
    await office.meet(3, language="de")
    blocking, declining = await office.meet(2, language="ru")
    office.world.block(blocking, office.bot_id)
    await until(lambda: office.store.users.get(blocking).verdict(0).access is Access.BLOCKED)
    office.store.users.prefer(declining, NEWS, NO_NEWS)
    draft = await office.draft(contents=TEXT)
    shown = await office.broadcasts.plan(draft.id)
    assert shown["recipients"] == 3
    assert shown["left_out"] == {"blocked": 1, "no_news": 1, "not_in_audience": 0}
    assert office.status(draft.id)["state"] == "draft"
    assert office.status(draft.id)["audience"] is None


async def test_a_paid_broadcast_wants_its_price_agreed_to(office: Office) -> None:
    await office.stop()
    await office.open(pace=60.0)
    people = await office.meet(30)
    draft = await office.draft(paid=True)
    with pytest.raises(PriceError, match="up to 2 stars"):
        await office.broadcasts.start(draft.id)
    with pytest.raises(PriceError):
        await office.broadcasts.start(draft.id, stars_agreed=1)
    await office.broadcasts.start(draft.id, stars_agreed=2)
    assert (await office.ends(draft.id))["sent"] == len(people)


async def test_a_test_goes_to_the_admins_each_time_and_is_no_delivery(office: Office) -> None:
    admin, other = await office.meet(2)
    draft = await office.draft("look")
    with pytest.raises(ArgumentError, match="no admins"):
        await office.broadcasts.test(draft.id)
    office.admins.add(admin)
    assert await office.broadcasts.test(draft.id) == {admin: "sent"}
    assert await office.broadcasts.test(draft.id) == {admin: "sent"}
    assert await office.broadcasts.test(draft.id, [other]) == {other: "sent"}
    assert office.heard(admin) == ["look", "look"]
    await office.broadcasts.start(draft.id)
    assert (await office.ends(draft.id))["sent"] == 2
    assert (office.heard(admin), office.heard(other)) == (["look"] * 3, ["look"] * 2)
    with pytest.raises(BroadcastStateError):
        await office.broadcasts.test(draft.id)


async def test_a_test_can_be_in_any_of_the_languages_and_says_what_failed(office: Office) -> None:
    admin, other = await office.meet(2, language="de")
    office.faults.fail(SEND, 400, "ENTITY_BOUNDS_INVALID", peer=other)
    draft = await office.draft(contents=TEXT)
    results = await office.broadcasts.test(draft.id, [admin, other], language="pt")
    assert results == {admin: "sent", other: "ENTITY_BOUNDS_INVALID"}
    assert office.heard(admin) == ["y"]


async def test_a_changed_draft_is_another_message(office: Office) -> None:
    (person,) = await office.meet(1)
    draft = await office.draft("one", name="Sale")
    changed = await office.broadcasts.change(draft.id, contents={"": text_content("two")}, silent=True)
    assert (changed.name, changed.silent, changed.revision) == ("Sale", True, 2)
    assert office.broadcasts.get(draft.id) == changed
    with pytest.raises(ContentError):
        await office.broadcasts.change(draft.id, audience=Audience(), contents={"ru": text_content("x")})
    with pytest.raises(TypeError):
        await office.broadcasts.change(draft.id, state="running")  # type: ignore[call-arg]
    with pytest.raises(ContentError, match="rate"):
        await office.broadcasts.change(draft.id, rate=0.001)
    await office.broadcasts.start(draft.id)
    await office.ends(draft.id)
    assert office.heard(person) == ["two"]
    with pytest.raises(BroadcastStateError, match="cannot be changed"):
        await office.broadcasts.change(draft.id, silent=False)


async def test_all_broadcasts_are_listed_in_the_order_of_their_numbers(office: Office) -> None:
    drafts = [await office.draft(name=name) for name in ("one", "two")]
    assert [one.name for one in office.broadcasts.all()] == ["one", "two"]
    assert drafts[0].id < drafts[1].id
    assert office.status(drafts[0].id)["name"] == "one"
