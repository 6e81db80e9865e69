"""Texts of any script are part of the observation, and a sampled action does no harm."""

from hypothesis import given
from hypothesis import strategies as st

from offswitch.environments import UnicodeText


@given(st.text(max_size=50))
def test_any_valid_text_within_the_length_belongs_to_the_space(text: str) -> None:
    assert UnicodeText(50).contains(text)


def test_lone_surrogates_other_types_and_long_texts_do_not_belong() -> None:
    space = UnicodeText(5)
    assert not any(space.contains(value) for value in ("\ud800", 7, None, "123456"))


def test_samples_belong_to_the_space_and_repeat_with_the_seed() -> None:
    space = UnicodeText(100)
    space.seed(3)
    drawn = [space.sample() for _ in range(20)]
    space.seed(3)
    assert drawn == [space.sample() for _ in range(20)]
    assert all(space.contains(text) for text in drawn)


@given(st.lists(st.text(max_size=10)))
def test_texts_go_to_json_and_back(texts: list[str]) -> None:
    space = UnicodeText(10)
    assert space.from_jsonable(space.to_jsonable(texts)) == texts
