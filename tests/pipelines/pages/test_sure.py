"""The section on how sure the model is: the numbers of its bins, and figures of few faces as of many."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipelines.pages.sure import calibration_figure, risk_figure, section
from pipelines.scoring.sure import Errors


def errors(num_faces: int) -> Errors:
    """Of face i, i per mille and 1% more are expected of each of three landmarks; it has twice that."""
    expected = np.repeat(0.01 + 0.001 * np.arange(num_faces)[:, None], 3, axis=1)
    return Errors(expected, 2 * expected)


def test_bins_are_of_five_faces_at_least_and_ten_at_most() -> None:
    sizes = {number: [each.size for each in section(errors(number))["bins"]["faces"]] for number in (2, 9, 12, 60, 119)}
    assert {2: [2], 9: [9], 12: [6, 6], 60: [6] * 10, 119: [12] * 9 + [11]} == sizes


def test_its_numbers_are_those_of_the_faces() -> None:
    said = section(errors(4))
    # By hand: 1%, 1.1%, 1.2% and 1.3% are expected.
    assert pytest.approx((0.0115, 0.023)) == (said["expected"], said["observed"])
    assert pytest.approx({"expected": 0.0105, "observed": 0.021}) == said["surer_half"]
    assert pytest.approx(0.004) == said["difference"]
    assert [2, 2, 1, 1, 1, 1, 1, 1, 1, 1] == [each.size for each in said["bins"]["landmarks"]]


def test_calibration_lies_where_the_bins_are_beside_a_diagonal() -> None:
    (axes,) = calibration_figure(section(errors(60))["bins"]).axes
    landmarks, faces, diagonal = axes.lines
    np.testing.assert_allclose(2 * landmarks.get_xdata(), landmarks.get_ydata())
    np.testing.assert_allclose(2 * faces.get_xdata(), faces.get_ydata())
    np.testing.assert_allclose(diagonal.get_xdata(), diagonal.get_ydata())
    assert axes.get_xlim() == axes.get_ylim()


def test_the_risk_ends_at_the_mean_error_whatever_it_is_sorted_by() -> None:
    (axes,) = risk_figure(np.array([0.03, 0.01, 0.02]), np.array([0.01, 0.02, 0.03])).axes
    by_expected, by_itself, in_any_order = axes.lines
    # By hand: in the order of what is expected, errors are 2%, 3% and 1%.
    np.testing.assert_allclose([2.0, 2.5, 2.0], by_expected.get_ydata())
    np.testing.assert_allclose([1.0, 1.5, 2.0], by_itself.get_ydata())
    np.testing.assert_allclose([2.0, 2.0], in_any_order.get_ydata())


@pytest.mark.parametrize("num_faces", [2, 3, 40])
def test_the_figures_have_ids_of_their_own(num_faces: int) -> None:
    said = section(errors(num_faces))
    ids = re.findall(r' id="([^"]+)"', said["calibration"] + said["risk"])
    assert len(set(ids)) == len(ids) > 0
