"""Recipes: files that say what is different from a base, resolved to one whole set of keys with their source marks.

    base: hih              # hih.yaml beside the recipe, or in bases/ below its folder; may have a base of its own
    scheme: cofw29
    datasets: {cofw: {reader: cofw}}

Sections are merged key by key; a codec or network with another name than the base's is replaced whole, since the fields
of one do not apply to another, and so are datasets: those that a recipe names are all that it has. A key that is set brings its own comment, or none: a base's mark never stays beside
another value.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.runtime.strict_yaml import WORD, Key, Keys, Sheet, read_sheet

BASE = "base"
# Sections whose other keys are fields of what their `name` names.
NAMED = ("codec", "network")
# A section that is never merged.
WHOLE = "datasets"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# Columns that nothing reaches.
FAR = 100_000


def resolve(path: Path) -> Sheet:
    """Reads a recipe with all of its bases.

    The heads of the bases follow the recipe's own; not of those that have a name: they speak of another experiment.

    Raises:
        ValueError: A file that cannot be read, a base that is missing or in two places, or bases in a circle.
    """
    head, keys = read_sheet(path)
    seen = [path.resolve()]
    while (base := keys.pop(BASE, None)) is not None:
        path = _file_of(base, path)
        if path.resolve() in seen:
            raise ValueError(f"{path}: its bases lead back to itself; take one `base:` of them away")
        seen.append(path.resolve())
        below = read_sheet(path)
        head = head + ([] if "name" in below.keys else below.head)
        keys = _merged(below.keys, keys)
    return Sheet(head, keys)


def _file_of(base: Key | Keys, path: Path) -> Path:
    if not isinstance(base, Key) or not isinstance(base.value, str) or not NAME.fullmatch(base.value):
        place, got = (base.place, base.text) if isinstance(base, Key) else (f"{path}", "a section")
        raise ValueError(f"{place}: base: expected the name of a file without its .yaml, as in `base: hih`, got {got}")
    places = [path.parent / f"{base.value}.yaml", path.parent / "bases" / f"{base.value}.yaml"]
    there = [place for place in places if place.exists()]
    if len(there) != 1:
        fault = "in both" if there else "in neither"
        raise ValueError(f"{base.place}: base {base.value!r} is {fault} of {places[0]} and {places[1]}")
    return there[0]


def _merged(base: Keys, own: Keys) -> Keys:
    merged = dict(base)
    for name, part in own.items():
        below = base.get(name)
        if name != WHOLE and isinstance(part, dict) and isinstance(below, dict) and not _renames(name, below, part):
            merged[name] = {**below, **part}
        else:
            merged[name] = part
    return merged


def _renames(section: str, below: Keys, part: Keys) -> bool:
    names = [keys.get("name") for keys in (below, part)]
    values = [name.value if isinstance(name, Key) else None for name in names]
    return section in NAMED and names[1] is not None and values[0] != values[1]


def values_of(keys: Keys) -> dict[str, Any]:
    """Plain values, as YAML gives them."""
    return {name: part.value if isinstance(part, Key) else values_of(part) for name, part in keys.items()}


def completed(keys: Keys, fields: Mapping[str, Any]) -> Keys:
    """The keys in the order of `fields`, with those that only `fields` has (defaults) in their places."""
    whole: Keys = {}
    for name, value in fields.items():
        part = keys.get(name)
        if isinstance(value, Mapping):
            whole[name] = completed(part if isinstance(part, dict) else {}, value)
        else:
            whole[name] = part if part is not None else Key(value, _written(value), "", "")
    return whole


def _written(value: Any) -> str:
    """A plain value as YAML; a word needs no quotes."""
    if isinstance(value, str) and WORD.fullmatch(value):
        return value
    return json.dumps(value, ensure_ascii=False)


def text_of(sheet: Sheet, meanings: Mapping[str, str] | None = None, width: int | None = None) -> str:
    """The file.

    Args:
        sheet: Head and keys.
        meanings: What is said in comment lines above a section or key, by "section", "section.key" and so on.
        width: Columns that comments are wrapped to; None leaves marks on one line.
    """
    lines = [*sheet.head, *([""] if meanings and sheet.head else []), *_lines(sheet.keys, meanings or {}, width)]
    return "\n".join(lines) + "\n"


def _lines(keys: Keys, meanings: Mapping[str, str], width: int | None, above: str = "") -> Iterator[str]:
    """The lines of some keys, those of sections below them included; `above` is the section's name with a dot behind."""
    indent = "  " * above.count(".")
    for name, part in keys.items():
        yield from _comment(meanings.get(f"{above}{name}", ""), indent, width)
        if isinstance(part, Key):
            yield from _line(name, part, indent, width)
        else:
            yield f"{indent}{name}:" if part else f"{indent}{name}: {{}}"
            yield from _lines(part, meanings, width, f"{above}{name}.")


def _comment(text: str, indent: str, width: int | None) -> list[str]:
    return _wrapped(text, f"{indent}# ", f"{indent}# ", width or FAR)


def _line(name: str, key: Key, indent: str, width: int | None) -> list[str]:
    """`name: value  # mark`; a mark that is too long goes on below itself."""
    said = f"{indent}{name}: {key.text}"
    if not key.mark or not width:
        return [f"{said}  {key.mark}".rstrip()]
    under = " " * len(said) + "  # "
    # A value so long that nothing fits beside it keeps its mark on its line.
    return _wrapped(key.mark.removeprefix("#").strip(), f"{said}  # ", under, width if len(under) + 20 < width else FAR)


def _wrapped(text: str, first: str, then: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=then, break_long_words=False, break_on_hyphens=False
    )
