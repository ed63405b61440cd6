from __future__ import annotations

from tgbot.core.places import places


def inner() -> None:
    int("a secret")


def outer() -> None:
    inner()


def test_an_error_is_told_by_its_class_and_its_places_without_its_text() -> None:
    try:
        outer()
    except ValueError as error:
        told = places(error, 2)
    assert told.startswith("ValueError < test_places.py:")
    assert "in inner < test_places.py:" in told
    assert told.endswith("in outer")
    assert "secret" not in told
