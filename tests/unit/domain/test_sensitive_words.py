import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.people import SENSITIVE_WORDS, sensitive_word


@pytest.mark.parametrize(
    "text",
    [
        "pregnant",
        "PREGNANT",
        "is-pregnant",
        "is_pregnant",
        "isPregnant",
        "pregnant2026",
        "newly pregnant?",
        "ｐｒｅｇｎａｎｔ",
    ],
)
def test_a_sensitive_word_is_found_however_it_is_spelled(text: str) -> None:
    assert sensitive_word(text) == "pregnant"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("church", "church"),
        ("Churches", "church"),
        ("bar mitzvah", "mitzvah"),
        ("due date of the baby", "duedate"),
        ("due_date", "duedate"),
        ("muslims", "muslim"),
        ("Schwangerschaft", "schwangerschaft"),
    ],
)
def test_plurals_and_words_of_two_parts_are_found(text: str, word: str) -> None:
    assert sensitive_word(text) == word


@pytest.mark.parametrize(
    "text",
    [
        "vegetarian",
        "gluten_free",
        "healthy",
        "faithful",
        "",
        "42",
        "–",
        "best date",
        "tacos al pastor",
    ],
)
def test_a_word_that_only_contains_one_is_not_one(text: str) -> None:
    assert sensitive_word(text) is None


@given(
    word=st.sampled_from(sorted(SENSITIVE_WORDS)),
    before=st.sampled_from(["", "a ", "x-", "7", "_"]),
    after=st.sampled_from(["", " b", ":y", "7", "_"]),
)
def test_no_sensitive_word_hides_between_others(word: str, before: str, after: str) -> None:
    assert sensitive_word(before + word.title() + after) == word
