"""The curves of a training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.pages.curves import curve_figures, read_curves
from pipelines.runtime.tables import write_csv
from pipelines.training.loop import HISTORY

ROWS = [(10, 1.0, 5.0, 0.06, 0.01), (20, 2.0, 4.0, 0.03, 0.005), (30, 3.0, 3.5, 0.04, 0.001)]


def test_what_a_training_writes_is_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "curves.csv", HISTORY, ROWS)
    found = read_curves(tmp_path / "curves.csv")
    assert {"step": [10, 20, 30], "epoch": [1, 2, 3], "loss": [5, 4, 3.5], "val_nme": [0.06, 0.03, 0.04]} == {
        name: values.tolist() for name, values in found.items()
    }


def test_loss_and_validation_nme_have_a_figure_each_and_the_lowest_nme_a_circle(tmp_path: Path) -> None:
    write_csv(tmp_path / "curves.csv", HISTORY, ROWS)
    loss, measured = (figure.axes[0] for figure in curve_figures(read_curves(tmp_path / "curves.csv")))
    np.testing.assert_allclose([[1, 2, 3], [5, 4, 3.5]], loss.lines[0].get_data())
    np.testing.assert_allclose([[1, 2, 3], [6, 3, 4]], measured.lines[0].get_data())
    np.testing.assert_allclose([[2], [3]], measured.lines[1].get_data())


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "ced.csv", ("nme", "share"), [(0.1, 0.2)])
    with pytest.raises(
        ValueError, match=r"ced\.csv: no curves of pipelines\.train: expected a column step, epoch, loss, val_nme$"
    ):
        read_curves(tmp_path / "ced.csv")
    with pytest.raises(
        ValueError, match=r"curves\.csv: there are no curves of a training; `python -m pipelines\.train` writes them$"
    ):
        read_curves(tmp_path / "curves.csv")
