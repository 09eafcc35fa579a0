"""Plain fields become a frozen dataclass strictly, and text becomes plain fields strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from components.configuration import configure, meanings, parse_json, shortened


@dataclass(frozen=True)
class Shape:
    """Something.

    Attributes:
        sides: How many.
        colours: Of each side,
            from the first.
        place: Where.
    """

    sides: int
    colours: tuple[str, ...]
    place: tuple[float, tuple[int, ...]] = (0.0, ())


def test_lists_become_tuples_of_the_right_types() -> None:
    made = configure(Shape, "shape", {"sides": 3, "colours": ["red", "blue"], "place": [1, [2, 3]]})
    assert Shape(3, ("red", "blue"), (1.0, (2, 3))) == made


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"sides": 3, "colours": "red"}, "shape: colours: expected a list, got 'red'"),
        ({"sides": 3, "colours": ["red", None]}, "shape: colours[1]: expected a text, got None"),
        ({"sides": 3, "colours": [], "place": [1]}, "shape: place: expected 2 values, got 1"),
        ({"sides": 3, "colours": [], "place": [1, [True]]}, "shape: place[1][0]: expected a whole number, got True"),
        ({"sides": "3", "colours": []}, "shape: sides: expected a whole number, got '3'"),
        ({"sides": 3}, "shape lacks colours"),
        ({"sides": 3, "colours": [], "size": 1}, "shape has no size; it has colours, place, sides"),
        ([3], "shape: expected its fields, got [3]"),
    ],
)
def test_fields_of_another_type_are_named(fields: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        configure(Shape, "shape", fields)


def test_what_a_docstring_says_of_a_field_is_its_meaning() -> None:
    assert {"sides": "How many.", "colours": "Of each side, from the first.", "place": "Where."} == meanings(Shape)


def test_json_is_read_as_its_standard_has_it() -> None:
    assert {"a": [1, 2.5, "x", None, True, {"b": {}}]} == parse_json('{"a": [1, 2.5, "x", null, true, {"b": {}}]}')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "key 'c' is there twice"),
        ("[NaN]", "NaN is no JSON number"),
        ("-Infinity", "-Infinity is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
    ],
    ids=["twice", "nan", "infinity", "deep"],
)
def test_json_that_would_be_read_in_two_ways_or_not_at_all_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        parse_json(text)


def test_a_long_value_is_shortened() -> None:
    assert 200 >= len(shortened("x" * 1000))
    assert 200 >= len(shortened([["x" * 1000] * 1000] * 1000))
    assert "{'a': 1}" == shortened({"a": 1})
