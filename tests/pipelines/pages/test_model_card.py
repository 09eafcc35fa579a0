"""A card says the same as a page and as Markdown, whatever the names in it are."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from rich.markdown import Markdown

from pipelines.pages.model_card import Section, markdown, write_model_card

SECTIONS = [
    Section("What it is", ("A model.",), rows=(("network", "unet, width 48"),)),
    Section("How to use it", code="import heatmark\nheatmark.load('x')"),
    Section("How good it is", header=("faces", "NME"), rows=(("all", "2.64%"), ("po|se_1", "6.61%")), numbers=True),
    Section("What made it", rows=(("the run's page", "http://127.0.0.1:5000/#/experiments/1/runs/ab_c"),)),
]


def page(path: Path, **options) -> str:
    given = {"sections": SECTIONS, "worst": [], "no_pictures": "", **options}
    write_model_card(path, "heatmark-demo version 1", "@champion", **given)
    return path.read_text(encoding="utf-8")


def test_as_markdown_it_has_its_tables_and_its_code() -> None:
    assert """\
# heatmark-demo version 1

## What it is

A model.

|  |  |
| --- | --- |
| network | unet, width 48 |

## How to use it

```python
import heatmark
heatmark.load('x')
```

## How good it is

| faces | NME |
| --- | ---: |
| all | 2.64% |
| po\\|se\\_1 | 6.61% |

## What made it

|  |  |
| --- | --- |
| the run's page | http://127.0.0.1:5000/#/experiments/1/runs/ab_c |""" == markdown(
        "# heatmark-demo version 1", SECTIONS
    )


def test_several_sentences_are_a_list() -> None:
    assert "A\n\n## B\n\n* One.\n* Two." == markdown("A", [Section("B", ("One.", "Two."))])


@pytest.mark.parametrize(
    "name", ["<script>alert(1)</script>", "a | b", "[x](http://evil)", "*bold*", "# head", "\x1b[2J"]
)
def test_names_that_others_gave_are_letters_and_nothing_else(name: str, tmp_path: Path) -> None:
    sections = [Section("How good it is", header=("faces", "NME"), rows=((name, "1%"),))]
    console = Console(width=80)
    with console.capture() as captured:
        console.print(Markdown(markdown("A", sections)))
    assert name.replace("\x1b", "\\x1b") in captured.get()
    assert "<script" not in page(tmp_path / "card.html", sections=sections)


def test_a_card_that_is_too_long_leaves_its_last_sections_out_and_says_so() -> None:
    whole = markdown("A", SECTIONS)
    assert whole == markdown("A", SECTIONS, len(whole))
    cut = markdown("A", SECTIONS, len(whole) - 1)
    assert len(cut) < len(whole)
    assert cut.endswith("Too long for this place: `heatmark card` shows 'What made it' too.")
    assert "## How good it is" in cut


@pytest.mark.parametrize("shown", ["heatmark-demo version 1", "@champion", "unet, width 48", "heatmark.load(", "6.61%"])
def test_the_page_says_all_of_it(tmp_path: Path, shown: str) -> None:
    assert shown in page(tmp_path / "card.html")


def test_addresses_can_be_clicked_and_nothing_else_can(tmp_path: Path) -> None:
    sections = [Section("A", rows=(("run", "http://127.0.0.1:5000/#/runs/1"), ("flow", "javascript:alert(1)")))]
    assert 1 == page(tmp_path / "card.html", sections=sections).count("<a href=")


def test_faces_without_pictures_are_named_with_the_reason(tmp_path: Path) -> None:
    worst = [{"face": "face_7", "nme": 0.2, "subsets": ["pose"]}]
    text = page(tmp_path / "card.html", worst=worst, no_pictures="no crops here")
    assert "no crops here" in text
    assert "face_7" in text
    assert "<img" not in text
