"""YAML as a file of keys: sections, and sections of those, plain values, the comment beside each; anything else is refused.

Read by DVC's parser (ruamel.yaml, YAML 1.2), so that both see the same values. What could grow or surprise is stopped
while the file is scanned, before anything is made of it: anchors, merges, tags, repeated keys, deep nesting, long texts.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from pipelines.runtime.unchanged import note

# Our longest recipe is 5 kB, its longest value 40 characters, its longest list 2 items.
MAX_BYTES, MAX_TEXT, MAX_ITEMS = 64 * 1024, 200, 100
# What YAML reads as a word, not as null, true or false.
WORD = re.compile(r"(?!(?:null|true|false)$)[A-Za-z][A-Za-z0-9_]*", re.IGNORECASE)
# A key below a section may be a folder's name too, as 300w: what YAML reads as a text, not as a number; no dot, which parts keys.
NAME = re.compile(
    r"(?!(?:null|true|false|[\d_]+e-?[\d_]+|0[xob][\da-f_]*)$)(?=[\d_-]*[A-Za-z])[A-Za-z0-9][A-Za-z0-9_-]*",
    re.IGNORECASE,
)
MAX_DEPTH = 2
OPENING = (AliasEvent, ScalarEvent, SequenceStartEvent, MappingStartEvent)


class Key(NamedTuple):
    """A key's value, and how it stands in its file.

    Attributes:
        value: None, bool, int, float, str, or a list of such.
        text: The value as it is written, on one line.
        mark: The comment beside it, from its "#"; empty for none.
        place: FILE:LINE.
    """

    value: Any
    text: str
    mark: str
    place: str


Keys = dict[str, "Key | Keys"]


class Sheet(NamedTuple):
    """A file.

    Attributes:
        head: Its first lines, as far as they are comments.
        keys: Keys and sections of keys, in their order.
    """

    head: list[str]
    keys: Keys


def read_sheet(path: Path) -> Sheet:
    """Reads a file.

    Raises:
        ValueError: Missing, too large, or anything but keys and sections of keys: `FILE: ...` or `FILE:LINE: ...`.
    """
    text = _text(path)
    lines = text.split("\n")
    try:
        found = _Scan(path, lines, YAML(typ="safe").parse(text)).sheet()
        values = _values(path, text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"{path}:{mark.line + 1}: not YAML: {error.problem or error.context}") from error
    except YAMLError as error:
        raise ValueError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    return Sheet(list(takewhile(lambda line: line.startswith("#"), lines)), _joined(found, values))


def _text(path: Path) -> str:
    """The file's text, with lines that end in a newline alone, and nothing in it that does not print."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path}: not a file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    note(path, content)
    if len(content) > MAX_BYTES:
        raise ValueError(f"{path}: over {MAX_BYTES:,} bytes; a recipe is a few thousand")
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: byte {error.start}") from error
    for number, line in enumerate(text.split("\n"), 1):
        if strange := next((character for character in line if not character.isprintable()), ""):
            raise ValueError(f"{path}:{number}: {strange!r} in the line; indent by spaces, and write plain text")
        if line.startswith("%"):
            raise ValueError(f"{path}:{number}: directives (%) are not read; take the line away")
    return text


def _values(path: Path, text: str) -> dict[str, Any]:
    try:
        return YAML(typ="safe").load(text)
    except ValueError as error:  # of a date that is none
        raise ValueError(f"{path}: {error}") from error


class _Scan:
    """One pass over the parser's events, lazily: nesting stops it before the parser has gone deep."""

    def __init__(self, path: Path, lines: list[str], events: Iterator[Any]) -> None:
        self.path, self.lines, self.events = path, lines, events

    def sheet(self) -> Keys:
        """Keys with their texts and marks; values are still to come."""
        start = next(event for event in self.events if isinstance(event, (*OPENING, StreamEndEvent)))
        self._plain(start)
        if not isinstance(start, MappingStartEvent):
            got = "nothing" if isinstance(start, StreamEndEvent) else "a plain value or a list"
            raise ValueError(f"{self.path}: expected keys and sections of keys, as in `name: demo`, got {got}")
        return self._mapping(depth=0)

    def _mapping(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            name, place = self._name(event, depth), self._place(event)
            if name in found:
                raise ValueError(f"{place}: key {name!r} is there already; take one of them away")
            found[name] = self._value(event, place, depth)
        return found

    def _name(self, event: Any, depth: int) -> str:
        self._plain(event)
        value = getattr(event, "value", None)
        form = NAME if depth else WORD
        if not (isinstance(value, str) and len(value) <= MAX_TEXT and form.fullmatch(value)):
            raise ValueError(f"{self._place(event)}: a key is a word of letters, digits and _, got {str(value)[:40]!r}")
        return value

    def _value(self, key: Any, place: str, depth: int) -> Any:
        event = next(self.events)
        self._plain(event)
        if isinstance(event, MappingStartEvent):
            if depth == MAX_DEPTH:
                raise ValueError(f"{place}: {key.value}: expected a value or a list, got keys below it")
            return self._mapping(depth + 1)
        text, last = self._list(key, event) if isinstance(event, SequenceStartEvent) else (self._scalar(event), event)
        return Key(None, text, self._mark(last), place)

    def _list(self, key: Any, start: Any) -> tuple[str, Any]:
        texts = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            self._plain(event)
            if not isinstance(event, ScalarEvent):
                raise ValueError(
                    f"{self._place(event)}: {key.value}: expected a list of plain values, got more below it"
                )
            texts.append(self._scalar(event))
            if len(texts) > MAX_ITEMS:
                raise ValueError(f"{self._place(event)}: {key.value}: over {MAX_ITEMS} items")
        # A list in lines of its own has its comment beside the key.
        in_line = self.lines[event.start_mark.line][event.start_mark.column :].startswith("]")
        return f"[{', '.join(texts)}]", event if in_line else key

    def _scalar(self, event: Any) -> str:
        if len(event.value) > MAX_TEXT:
            raise ValueError(f"{self._place(event)}: a text of {len(event.value):,} characters; at most {MAX_TEXT}")
        start, end = event.start_mark, event.end_mark
        if start.line != end.line:  # folded over lines, or a block
            return json.dumps(event.value, ensure_ascii=False)
        return self.lines[start.line][start.column : end.column] or "null"

    def _plain(self, event: Any) -> None:
        """Refuses what stands for something else than it says."""
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None):
            raise ValueError(f"{self._place(event)}: anchors and aliases (& and *) are not read; write the value out")
        if getattr(event, "tag", None):
            raise ValueError(f"{self._place(event)}: tags (!) are not read; write the plain value")

    def _mark(self, event: Any) -> str:
        rest = self.lines[event.end_mark.line][event.end_mark.column :].removeprefix(":").strip()
        return rest if rest.startswith("#") else ""

    def _place(self, event: Any) -> str:
        return f"{self.path}:{event.start_mark.line + 1}"


def _joined(found: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    """The same keys with the values that the parser read."""
    return {
        name: key._replace(value=values[name]) if isinstance(key, Key) else _joined(key, values[name])
        for name, key in found.items()
    }
