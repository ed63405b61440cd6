from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tgbot.telegram.updates.replies import OwnMessage, Replies, derive_random_id

INT64 = range(-(2**63), 2**63)


def own(chat: int, message_id: int, content: str = "hi", reply_to: int | None = None) -> OwnMessage:
    return OwnMessage(chat, message_id, content, reply_to, f"message {message_id}")


def test_a_random_id_is_the_same_whenever_it_is_derived() -> None:
    # The value itself counts: another one after an upgrade would send the answers of a crash twice.
    assert derive_random_id(7, "m5:9", 5, 0) == -6603668889417365745


@given(st.integers(1, 2**52), st.text(), st.integers(-(2**52), 2**52), st.integers(0, 100))
def test_a_random_id_is_a_signed_64_bit_number_and_never_0(
    bot: int, update: str, chat: int, nth: int
) -> None:
    random_id = derive_random_id(bot, update, chat, nth)
    assert random_id in INT64
    assert random_id != 0


def test_another_bot_update_chat_or_count_gives_another_random_id() -> None:
    made = {
        derive_random_id(*key)
        for key in [
            (1, "m1:1", 1, 0),
            (2, "m1:1", 1, 0),
            (1, "m1:2", 1, 0),
            (1, "m1:1", 2, 0),
            (1, "m1:1", 1, 1),
        ]
    }
    assert len(made) == 5


def test_a_message_whose_random_id_was_told_is_found_by_it_once() -> None:
    replies = Replies()
    replies.add([own(1, 10), own(1, 11)], {10: 100, 11: 111})
    assert replies.by_random_id(111) == own(1, 11)
    assert replies.by_random_id(111) is None
    assert len(replies) == 1


def test_where_random_ids_are_told_nothing_is_matched_by_content() -> None:
    replies = Replies()
    replies.add([own(1, 10), own(1, 11)], {10: 100})
    assert replies.by_content(1, "hi", None, after=0) is None


def test_content_is_matched_in_order_and_each_message_once() -> None:
    replies = Replies()
    replies.add([own(1, 10), own(1, 11), own(2, 12)], {})
    found = [replies.by_content(1, "hi", None, after=0) for _ in range(3)]
    assert found == [own(1, 10), own(1, 11), None]
    assert len(replies) == 1


def test_content_is_matched_only_by_the_same_text_and_reply_above_the_id() -> None:
    replies = Replies()
    replies.add([own(1, 10), own(1, 11, "other"), own(1, 12, reply_to=3)], {})
    assert replies.by_content(1, "hi", None, after=10) is None
    assert replies.by_content(1, "hi", 3, after=11) == own(1, 12, reply_to=3)
    assert replies.by_content(2, "hi", None, after=0) is None


def test_trimming_keeps_the_newest_with_a_random_id_and_forgets_all_without() -> None:
    replies = Replies()
    replies.add([own(1, number) for number in range(5)], {number: number + 100 for number in range(5)})
    replies.add([own(2, 9)], {})
    replies.trim(2)
    assert len(replies) == 2
    assert replies.by_random_id(104) is not None
    assert replies.by_random_id(101) is None


def test_clearing_forgets_everything() -> None:
    replies = Replies()
    replies.add([own(1, 1)], {1: 5})
    replies.add([own(1, 2)], {})
    replies.clear()
    assert len(replies) == 0
    assert replies.by_random_id(5) is None
    assert replies.by_content(1, "hi", None, after=0) is None
