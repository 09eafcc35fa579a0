"""The page of protocols is what the registry says."""

from __future__ import annotations

from components.metrics import PROTOCOLS
from pipelines.pages.protocols import page
from pipelines.runtime.environment import ROOT


def test_the_page_is_up_to_date() -> None:
    # If not: python -m pipelines.pages.protocols docs/protocols.md
    assert page() == (ROOT / "docs" / "protocols.md").read_text(encoding="utf-8")


def test_every_protocol_has_a_row_of_eight_cells() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert list(PROTOCOLS) == [row.split("`")[1] for row in rows]
    assert {9} == {row.count("|") for row in rows}
