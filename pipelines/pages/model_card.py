"""The card of a model: a page of its own, and the same as Markdown, for MLflow's pages and for terminals.

A card is a list of sections; what stands in them comes from `pipelines.registry.model_card`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.text import printable
from pipelines.pages.plots import write_page

# What Markdown would take for more than letters, in names that others gave.
MARKS = str.maketrans({mark: f"\\{mark}" for mark in "\\`*_[]<>|#"})


@dataclass(frozen=True)
class Section:
    """A part of a card.

    Attributes:
        title: Its headline.
        text: Sentences.
        header: Of the table; none where its first column says what the others are.
        rows: Of the table.
        code: Python, to be copied.
        numbers: Whether all columns but the first are numbers.
    """

    title: str
    text: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    code: str = ""
    numbers: bool = False


def markdown(first: str, sections: Sequence[Section], longest: int | None = None) -> str:
    """The card as Markdown below a first line; of one that would be too long, the last sections are left out, and it says so."""
    parts = [first, *map(_section, sections)]
    whole = "\n\n".join(parts)
    if longest is None or len(whole) <= longest:
        return whole
    if not sections:
        raise ValueError(f"the first line of a card has {len(first)} letters, more than {longest}")
    left_out = f"\n\nToo long for this place: `heatmark card` shows {printable(sections[-1].title)!r} too."
    return markdown(first, sections[:-1], longest - len(left_out)) + left_out


def _section(section: Section) -> str:
    parts = [f"## {section.title}"]
    if section.text:
        bullet = "* " if len(section.text) > 1 else ""
        parts.append("\n".join(bullet + _plain(sentence) for sentence in section.text))
    if section.code:
        parts.append(f"```python\n{section.code}\n```")
    if section.rows:
        header = section.header or ("",) * len(section.rows[0])
        rule = "| ---" + (" | ---:" if section.numbers else " | ---") * (len(header) - 1) + " |"
        lines = [_row(header), rule, *map(_row, section.rows)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Text as it is, whatever marks are in it; an address stays one."""
    return text if text.startswith(("http://", "https://")) else printable(text).translate(MARKS)


def write_model_card(
    path: Path, title: str, lead: str, sections: Sequence[Section], worst: Sequence[dict], no_pictures: str
) -> None:
    """Writes the page.

    Args:
        path: The HTML file; it needs no other.
        title: Its headline.
        lead: One sentence below it.
        sections: What it says.
        worst: The worst faces, as `report.tile` gives them; those without a picture have no "source".
        no_pictures: Why they have none; "" where they do.
    """
    write_page(path, "model_card.html", title=title, lead=lead, sections=sections, worst=worst, no_pictures=no_pictures)
