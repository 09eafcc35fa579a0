"""What is too large, or out of its bounds, is refused with the limit and the way out."""

from __future__ import annotations

import math
import re

import pytest

from components.limits import NOT_NEGATIVE, Range, check_parameters, check_pixels, check_range

ALLOWED = Range(1, 16, "more make no sense")


def test_both_ends_of_a_range_are_allowed() -> None:
    check_range("stacks", 1, ALLOWED)
    check_range("stacks", 16, ALLOWED)
    check_range("weight", 1e300, NOT_NEGATIVE)


@pytest.mark.parametrize("value", [0, 17, -1, 10**9, math.nan, math.inf])
def test_a_value_out_of_its_range_is_refused_with_its_name_the_bounds_and_the_reason(value: float) -> None:
    with pytest.raises(
        ValueError, match="^" + re.escape(f"stacks is {value}: expected 1 to 16 (more make no sense)") + "$"
    ):
        check_range("stacks", value, ALLOWED)


def test_a_limit_is_the_default_or_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEATMARK_MAX_PIXELS", raising=False)
    check_pixels(10_000, 10_000, "a picture")
    with pytest.raises(
        ValueError,
        match=r"^a picture of 10000 x 10001 pixels is over the limit of 100,000,000; the variable HEATMARK_MAX_PIXELS",
    ):
        check_pixels(10_001, 10_000, "a picture")
    monkeypatch.setenv("HEATMARK_MAX_PIXELS", "200000000")
    check_pixels(10_001, 10_000, "a picture")


def test_a_limit_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEATMARK_MAX_PARAMETERS", "many")
    with pytest.raises(ValueError, match=r"^HEATMARK_MAX_PARAMETERS: expected a whole number, got 'many'$"):
        check_parameters(1, "a network")
