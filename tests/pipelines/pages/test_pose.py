"""The error by the turn of the head."""

from __future__ import annotations

import numpy as np
import pytest

from components.metrics import bootstrap_interval, share_interval
from components.schemes import IBUG68, SCHEMES
from pipelines.pages.pose import by_yaw, rows

K = IBUG68.num_landmarks


def turned(*yaws_deg: float) -> np.ndarray:
    """Faces with eye corners 1 apart and the tip of the nose at tan(yaw) * 0.484: what `yaw_deg` makes that yaw of."""
    faces = np.random.default_rng(0).normal(size=(len(yaws_deg), K, 2))
    right, left = IBUG68.inter_ocular
    tip = max(k for k, name in enumerate(IBUG68.names) if name.startswith("nose_bridge_"))
    faces[:, right], faces[:, left] = (-0.5, 0), (0.5, 0)
    faces[:, tip] = [(0.484 * np.tan(np.deg2rad(yaw)), 0.3) for yaw in yaws_deg]
    return faces


def test_each_range_of_yaw_has_its_own_faces() -> None:
    found = by_yaw(turned(-60, -20, -10, 0, 14, 30, 50), np.full(7, 0.02), IBUG68, 0.1)
    assert found is not None
    expected = {"beyond −45°": 1, "−45° to −15°": 1, "−15° to 15°": 3, "15° to 45°": 1, "beyond 45°": 1}
    assert expected == {row["name"]: row["num_faces"] for row in found["rows"]}


def test_a_range_says_its_mean_error_and_how_many_failed_with_their_intervals() -> None:
    errors = np.array([0.02, 0.04, 0.3])
    [row] = rows(np.array([0.0, 5.0, -5.0]), errors, 0.1)
    # By hand: 0.36 / 3, and one of three.
    assert (pytest.approx(0.12), pytest.approx(1 / 3)) == (row["nme"], row["failure_rate"])
    assert bootstrap_interval(errors) == row["nme_interval"]
    assert share_interval(errors > 0.1) == row["failure_rate_interval"]


def test_ranges_without_a_face_have_no_row() -> None:
    assert ["15° to 45°"] == [row["name"] for row in rows(np.array([20.0]), np.array([0.01]), 0.1)]


def test_faces_whose_yaw_is_not_known_are_counted_apart() -> None:
    faces = turned(0, 0, 0)
    faces[0, IBUG68.inter_ocular[0]] = np.nan
    found = by_yaw(faces, np.full(3, 0.02), IBUG68, 0.1)
    assert found is not None
    assert (1, 2) == (found["num_left_out"], found["rows"][0]["num_faces"])


def test_a_scheme_without_a_bridge_of_the_nose_has_no_yaw_and_so_no_section() -> None:
    scheme = SCHEMES["cofw29"]
    assert (
        by_yaw(np.random.default_rng(0).normal(size=(3, scheme.num_landmarks, 2)), np.full(3, 0.02), scheme, 0.1)
        is None
    )
