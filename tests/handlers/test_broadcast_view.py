"""What the messages of a broadcast say in each state; all their words are there in every language."""

from __future__ import annotations

from typing import Any

import pytest

from tgbot.core.access import Access
from tgbot.core.broadcasts import Action, Audience, Broadcast, Button, Content, State
from tgbot.handlers.broadcast import view
from tgbot.handlers.broadcast.view import Plan, Status
from tgbot.handlers.live import View
from tgbot.handlers.wording import Words
from tgbot.locales.texts import Texts
from tgbot.messaging.broadcast.sources import Obstacle

TEXTS = Texts.load()
SAY = Words(TEXTS, "en")
NOW = 1_800_000_000


def made(**fields: Any) -> Broadcast:
    given: dict[str, Any] = {"state": State.RUNNING, "size": 200}
    return Broadcast(7, 1, NOW, {"": Content()}, **given | fields)


def status(**fields: Any) -> Status:
    counts = dict.fromkeys(("blocked", "deactivated", "not_allowed", "failed", "no_news"), 0)
    usual: dict[str, Any] = {
        **counts,
        "audience": 200,
        "sent": 50,
        "not_in_time": 0,
        "forgotten": 0,
        "waiting": 150,
        "rate": 12.5,
        "flood_wait": 0,
        "behind": None,
        "reason": "",
        "errors": {},
        "clicks": [],
        "corrected": 0,
        "refused": 0,
        "left": 0,
        "eta": NOW + 720,
    }
    return Status(**usual | fields)


def plan(**fields: Any) -> Plan:
    usual: dict[str, Any] = {"recipients": 12_345, "languages": {"": 12_345}, "left_out": {}, "stars": 0}
    return Plan(**{"rate": 30.0, "seconds": 412} | usual | fields)


def shown(broadcast: Broadcast, found: Status, *, asked: bool = False) -> list[str]:
    """Return the lines of a broadcast without its title."""
    return view.progress(SAY, broadcast, found, NOW, asked=asked).text.split("\n")[1:]


def labels(shown: View) -> list[list[str]]:
    return [[button.text for button in row] for row in shown.buttons or ()]


def test_the_progress_has_the_numbers_the_rate_and_the_time_left() -> None:
    assert shown(made(), status(blocked=12)) == [
        "I am sending it.",
        "",
        "Delivered: 50 of 200 (25 %)",
        "blocked me: 12",
        "Not sent yet: 150",
        "Per second: 12.5",
        "Time left: about 12 min",
    ]


def test_what_holds_it_up_is_said() -> None:
    assert "Telegram asks me to wait: 2 min" in shown(made(), status(flood_wait=120))
    assert "It waits until broadcast 3 has ended." in shown(made(), status(behind=3, rate=0.0, eta=None))
    paused = made(state=State.PAUSED, reason="the text is refused")
    assert shown(paused, status(reason="the text is refused"))[:2] == [
        "It is paused.",
        "Why: the text is refused",
    ]


def test_the_most_frequent_errors_are_named() -> None:
    errors = {"A": 1, "B": 40, "C": 3, "D": 2}
    lines = shown(made(), status(failed=46, errors=errors))
    assert lines[lines.index("refused otherwise: 46") :][:4] == [
        "refused otherwise: 46",
        "– B: 40",
        "– C: 3",
        "– D: 2",
    ]


def test_the_summary_has_the_clicks_and_the_time_that_it_took() -> None:
    buttons = (Button("Site", "https://a.example"), Button("Buy"), Button("Later"))
    done = made(state=State.DONE, started=NOW - 3_700, ended=NOW, buttons=buttons)
    lines = shown(done, status(sent=200, waiting=0, clicks=[9, 0], eta=None, rate=0.0))
    assert lines == [
        "It is done.",
        "",
        "Delivered: 200 of 200 (100 %)",
        "Used the button “Buy”: 9",
        "Time from the start to the end: 1 h 2 min",
    ]


@pytest.mark.parametrize(
    ("action", "doing", "numbers"),
    [
        (Action.EDIT, "I am editing what was delivered.", "Edited: 9, refused: 1, left: 40"),
        (Action.DELETE, "I am deleting what was delivered.", "Deleted: 9, refused: 1, left: 40"),
    ],
)
def test_what_is_edited_or_deleted_is_said(action: Action, doing: str, numbers: str) -> None:
    lines = shown(made(action=action), status(corrected=9, refused=1, left=40), asked=True)
    assert lines[0] == doing
    assert numbers in lines
    assert lines[-1] == "Cancel it for good?"


def test_the_question_whether_to_cancel_names_who_would_not_get_it() -> None:
    assert shown(made(), status(), asked=True)[-1] == "Cancel it for good? 150 people would not get it."
    scheduled = made(state=State.SCHEDULED, size=None, at=NOW + 60)
    assert shown(scheduled, status(audience=None, waiting=0), asked=True) == [
        "It begins at 2027-01-15 08:01 UTC.",
        "",
        "Cancel it for good?",
    ]


def test_a_plan_in_full_names_languages_and_who_is_left_out() -> None:
    audience = Audience(languages=("ru",), payload="sale")
    left_out = {"blocked": 5, "not_allowed": 2, "no_news": 1, "not_in_audience": 9}
    found = plan(languages={"": 12_000, "ru": 345}, left_out=left_out, stars=31)
    draft = view.draft(SAY, made(state=State.DRAFT, audience=audience, name="Sale"), found, full=True)
    assert draft.text.split("\n") == [
        "Broadcast 7 – Sale",
        "A draft: nothing is sent yet. Test sends it to you, as people will get it.",
        "Only to those who speak: ru",
        "Only to some of them: tgbot broadcast status 7 shows the conditions.",
        "",
        "12,345 people get it, in about 7 min.",
        "Per second: 30.0",
        "In the language “default”: 12,000",
        "In the language “ru”: 345",
        "",
        "Who does not get it:",
        "blocked me: 5",
        "never allowed me: 2",
        "want no news: 1",
        "not in the audience: 9",
        "",
        "It costs up to 31 stars.",
    ]


def test_a_question_agrees_to_one_edition_and_one_price() -> None:
    asked = view.start_question(SAY, made(state=State.DRAFT, revision=4), plan(stars=31))
    assert asked.text.split("\n")[2] == "Send it to 12,345 people?"
    assert asked.buttons is not None
    assert asked.buttons[0][0].type.data == b"broadcast:7:yes:5:31"


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize("state", State)
def test_each_state_has_its_words_and_buttons(language: str, state: State) -> None:
    say = Words(TEXTS, language)
    counts = dict.fromkeys(("blocked", "deactivated", "not_allowed", "failed", "no_news", "not_in_time"), 3)
    broadcast = made(state=state, at=NOW, until=NOW + 60, reason="why")
    if state is State.DRAFT:
        left_out = dict.fromkeys([*Access, "no_news", "not_in_audience"], 1)
        found = view.draft(say, broadcast, plan(left_out=left_out), full=True)
    else:
        for action in Action:
            found = view.progress(
                say, made(state=state, action=action), status(forgotten=1, **counts), NOW, asked=False
            )
    assert found.still is (state not in view.OPEN)
    assert labels(found)
    assert len(labels(view.listed(say, [broadcast] * 9))) == view.LISTED


def test_what_did_not_come_in_time_can_be_sent_unless_it_was_deleted() -> None:
    late = status(not_in_time=4)
    done = made(state=State.DONE)
    assert len(labels(view.progress(SAY, done, late, NOW, asked=False))) == 2
    deleted = made(state=State.DONE, action=Action.DELETE)
    assert len(labels(view.progress(SAY, deleted, late, NOW, asked=False))) == 1
    never = made(state=State.CANCELLED, size=None)
    assert labels(view.progress(SAY, never, status(audience=None), NOW, asked=False)) == []


@pytest.mark.parametrize("obstacle", [*Obstacle, "other"])
def test_each_obstacle_to_a_copy_has_its_words(obstacle: str) -> None:
    for language in ("en", "ru"):
        assert Words(TEXTS, language)(f"broadcast-uncopied-{obstacle}", detail="x")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (29, "29 s"),
        (31, "1 min"),
        (3_300, "55 min"),
        (3_600, "1 h 0 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert SAY.duration(seconds) == words
