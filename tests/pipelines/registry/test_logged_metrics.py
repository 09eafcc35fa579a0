"""What of an evaluation an MLflow run has as numbers."""

from __future__ import annotations

from pipelines.registry.logged_metrics import logged_metrics

FIGURES = {"num_faces": 8, "nme": 0.03, "failure_rate": 0.0, "auc": 0.7}
INTERVALS = {"nme_interval": [0.02, 0.04], "failure_rate_interval": [0.0, 0.32], "auc_interval": [0.6, 0.8]}
EXPECTED = {"num_faces": 8, "nme": 0.03, "failure_rate": 0.0, "auc": 0.7}
EXPECTED |= {"nme_low": 0.02, "failure_rate_low": 0.0, "auc_low": 0.6}
EXPECTED |= {"nme_high": 0.04, "failure_rate_high": 0.32, "auc_high": 0.8}


def test_all_faces_and_each_subset_have_their_figures_with_both_ends_of_the_intervals() -> None:
    logged = logged_metrics({**FIGURES, **INTERVALS, "subsets": {"dataset_300w": {**FIGURES, **INTERVALS}}})
    assert logged == {
        **{f"test_{name}": value for name, value in EXPECTED.items()},
        **{f"test_dataset_300w/{name}": value for name, value in EXPECTED.items()},
    }


def test_a_subset_whose_name_mlflow_does_not_take_is_left_to_the_file() -> None:
    logged = logged_metrics(
        {
            **FIGURES,
            **INTERVALS,
            "subsets": {name: {**FIGURES, **INTERVALS} for name in ("a$", "x" * 300, "hard/", "a/./b", "a/../c")},
        }
    )
    assert set(logged) == {f"test_{name}" for name in EXPECTED}
