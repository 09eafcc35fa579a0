"""The champion on new faces, as it is shown."""

from __future__ import annotations

from dataclasses import asdict, replace

from pipelines.new_data.drift import Drift, Shift, Spread
from pipelines.new_data.measured import Measured, by_subset, facts_of, markdown, show

INTERVALS = {"nme_interval": [0.02, 0.04], "failure_rate_interval": [0.0, 0.1], "auc_interval": [0.5, 0.7]}
PROTOCOL = {"name": "inter_ocular", "hash": "6187", "failure_threshold": 0.1, "auc_threshold": 0.1}


def figures(nme: float, num_faces: int, **subsets: dict) -> dict:
    return {"nme": nme, "failure_rate": 0.05, "auc": 0.6, "num_faces": num_faces, "subsets": subsets, "protocol": PROTOCOL, **INTERVALS}  # fmt: skip


SHIFT = Shift("size_px", Spread(180.0, 90.0, 260.0), Spread(120.0, -0.2, 200.0), 0.43, 1e-9)
MEASURED = Measured(
    model="heatmark-demo",
    version="3",
    folder="new",
    metrics=figures(0.03, 120, dark=figures(0.05, 20)),
    own=figures(0.02, 88, glasses=figures(0.025, 30)),
    num_rejected=2,
    num_known=4,
    drift=Drift("new", "its training", 120, 464, (SHIFT,)),
    run="459d",
)


def test_errors_stand_beside_those_of_the_champions_own_test_faces_by_subset():
    expected = [
        ("all", "120", "3.00%", "88", "2.00%"),
        ("dark", "20", "5.00%", "", ""),
        ("glasses", "", "", "30", "2.50%"),
    ]
    assert expected == by_subset(MEASURED)
    assert ("all", "120", "3.00%", "", "") == by_subset(replace(MEASURED, own=None))[0]


def test_faces_that_are_nearly_trained_on_are_counted_where_the_data_is_here():
    assert "4" == dict(facts_of(MEASURED))["nearly trained on"]
    assert (
        "unknown: the recipe's data is not here"
        == dict(facts_of(replace(MEASURED, num_known=None)))["nearly trained on"]
    )


def test_it_passes_through_the_flow_and_fits_80_columns(capsys):
    show(Measured(**asdict(MEASURED)))
    shown = capsys.readouterr().out
    assert 80 >= max(map(len, shown.splitlines()))
    assert "heatmark-demo version 3 on new" in shown
    assert "3.00% (95% interval 2.00% to 4.00%)" in shown
    assert "120 (0 to 200)" in shown  # no minus before a zero


def test_the_flows_page_has_the_same():
    page = markdown(MEASURED)
    assert "| size, px | 120 (0 to 200) | 180 (90 to 260) | 0.43 | <0.001 |" in page
    assert "| dark | 20 | 5.00% |  |  |" in page
    assert "What it was trained on is not known" in markdown(replace(MEASURED, drift=None))


def test_a_name_that_moves_a_cursor_is_escaped(capsys):
    hostile = "new\x1b[2J"
    show(replace(MEASURED, folder=hostile, metrics=figures(0.25, 1, **{hostile: figures(0.25, 1)})))
    assert "\x1b" not in capsys.readouterr().out
