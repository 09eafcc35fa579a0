"""Strict YAML: what is read of a file of keys, and which sentence refuses the rest."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.runtime.strict_yaml import MAX_BYTES, MAX_ITEMS, MAX_TEXT, Key, read_sheet


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes) -> Path:
        path = tmp_path / "a.yaml"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def test_a_key_has_its_value_its_text_the_comment_beside_it_and_its_place(file: Callable) -> None:
    path = file(
        "# Head.\n# More.\nname: demo\n# Above a key, and no head.\ntrain:\n  lr: 1e-4  # [code] as there\n  e: [3, 5]\n"
    )
    sheet = read_sheet(path)
    assert ["# Head.", "# More."] == sheet.head
    assert {
        "name": Key("demo", "demo", "", f"{path}:3"),
        "train": {
            "lr": Key(0.0001, "1e-4", "# [code] as there", f"{path}:6"),
            "e": Key([3, 5], "[3, 5]", "", f"{path}:7"),
        },
    } == sheet.keys


def test_sections_may_have_sections_whose_names_are_those_of_folders(file: Callable) -> None:
    path = file("a:\n  300w: {reader: 300w}  # no place\n  b-1:\n    share: 0.5  # half\n")
    assert {
        "a": {
            "300w": {"reader": Key("300w", "300w", "", f"{path}:2")},
            "b-1": {"share": Key(0.5, "0.5", "# half", f"{path}:4")},
        }
    } == read_sheet(path).keys


@pytest.mark.parametrize(
    ("written", "value"),
    # YAML 1.2, as DVC reads: yes is a word, 010 is ten, 1:30 a text.
    [("yes", "yes"), ("010", 10), ("1:30", "1:30"), ("1e3", 1000.0), ("true", True), ('"48"', "48"), ("~", None)],
)
def test_values_are_those_of_yaml_1_2(file: Callable, written: str, value: object) -> None:
    assert Key(value, written, "# why", f"{file('')}:1") == read_sheet(file(f"a: {written}  # why")).keys["a"]


@pytest.mark.parametrize(
    ("written", "text", "mark"),
    [
        ("a: [1, 2]  # beside", "[1, 2]", "# beside"),
        ("a: [1,\n  2]  # beside", "[1, 2]", "# beside"),
        ("a:  # beside\n  - 1  # not this\n  - 2\nb: 1", "[1, 2]", "# beside"),
        ('a: "one\n  two"  # beside', '"one two"', "# beside"),
        ("a:  # beside", "null", "# beside"),
        ("a: '#1'  # beside", "'#1'", "# beside"),
        ("a: é  # ü", "é", "# ü"),
    ],
)
def test_values_in_several_lines_become_one_and_keep_the_comment(
    file: Callable, written: str, text: str, mark: str
) -> None:
    key = read_sheet(file(written)).keys["a"]
    assert isinstance(key, Key)
    assert (text, mark) == (key.text, key.mark)
    assert key.value == read_sheet(file(f"a: {text}")).keys["a"].value  # type: ignore[union-attr]


def test_windows_line_ends_and_a_byte_order_mark_are_read(file: Callable) -> None:
    sheet = read_sheet(file(b"\xef\xbb\xbfa: 1  # one\r\nb: 2\r\n"))
    assert [("1", "# one"), ("2", "")] == [(key.text, key.mark) for key in sheet.keys.values()]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", ": expected keys and sections of keys, as in `name: demo`, got nothing"),
        ("- 1", ": expected keys and sections of keys, as in `name: demo`, got a plain value or a list"),
        ("hello", ": expected keys and sections of keys, as in `name: demo`, got a plain value or a list"),
        ("a: 1\nb: 2\na: 3", ":3: key 'a' is there already; take one of them away"),
        ("t:\n  a: 1\n  a: 1", ":3: key 'a' is there already; take one of them away"),
        ("a:\n\tb: 1", ":2: '\\t' in the line; indent by spaces, and write plain text"),
        ("a: \x1b[31m", ":1: '\\x1b' in the line; indent by spaces, and write plain text"),
        ("a: 1  # \u202e", ":1: '\\u202e' in the line; indent by spaces, and write plain text"),
        ("a: &x 1\nb: *x", ":1: anchors and aliases (& and *) are not read; write the value out"),
        ("a: 1\nb: *x", ":2: anchors and aliases (& and *) are not read; write the value out"),
        ("a: &x {b: 1}", ":1: anchors and aliases (& and *) are not read; write the value out"),
        ("a:\n  <<: {b: 1}", ":2: a key is a word of letters, digits and _, got '<<'"),
        ("a: !!int '48'", ":1: tags (!) are not read; write the plain value"),
        ("a: !!python/object/apply:os.system [id]", ":1: tags (!) are not read; write the plain value"),
        ("%YAML 1.1\n---\na: yes", ":1: directives (%) are not read; take the line away"),
        ("a: 1\n---\nb: 2", ":2: not YAML: but found another document"),
        ("a: [1", ":2: not YAML: did not find expected ',' or ']'"),
        ("a: b: c", ":1: not YAML: mapping values are not allowed in this context"),
        ("a: 2020-99-99", ": month must be in 1..12"),
        ("a: {b: {c: {d: 1}}}", ":1: c: expected a value or a list, got keys below it"),
        ("300w: 1", ":1: a key is a word of letters, digits and _, got '300w'"),
        ("a: {300: 1}", ":1: a key is a word of letters, digits and _, got '300'"),
        ("a: {'300': 1}", ":1: a key is a word of letters, digits and _, got '300'"),
        ("a: {3e2: 1}", ":1: a key is a word of letters, digits and _, got '3e2'"),
        ("a: {0x1f: 1}", ":1: a key is a word of letters, digits and _, got '0x1f'"),
        ("a: {1.5: 1}", ":1: a key is a word of letters, digits and _, got '1.5'"),
        ("a: {2020-01-01: 1}", ":1: a key is a word of letters, digits and _, got '2020-01-01'"),
        ("a: {true: 1}", ":1: a key is a word of letters, digits and _, got 'true'"),
        ("a: [1, [2]]", ":1: a: expected a list of plain values, got more below it"),
        ("null: 1", ":1: a key is a word of letters, digits and _, got 'null'"),
        ('"a\\nb": 1', ":1: a key is a word of letters, digits and _, got 'a\\nb'"),
        ("? [a]\n: 1", ":1: a key is a word of letters, digits and _, got 'None'"),
        ("a: " + "9" * (MAX_TEXT + 1), f":1: a text of {MAX_TEXT + 1} characters; at most {MAX_TEXT}"),
        ("a: [" + "1, " * MAX_ITEMS + "1]", f":1: a: over {MAX_ITEMS} items"),
        (b"a: \xff", ": not UTF-8: byte 3"),
        ("#" * (MAX_BYTES + 1), f": over {MAX_BYTES:,} bytes; a recipe is a few thousand"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_whatever_else_is_refused_with_file_and_line(file: Callable, content: str | bytes, sentence: str) -> None:
    path = file(content)
    with pytest.raises(ValueError, match=f"^{re.escape(f'{path}{sentence}')}$"):
        read_sheet(path)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 60_000,
        "a: " + "[" * 60_000,
        "a: " + "{b: " * 15_000,
        "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 40)),
        "a: 1\n---\n" + "[" * 60_000,
    ],
    ids=["lists", "lists below a key", "keys", "a billion laughs", "a second document"],
)
def test_what_explodes_is_refused_at_once(file: Callable, content: str) -> None:
    path, began = file(content), time.process_time()
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}:"):
        read_sheet(path)
    assert time.process_time() - began < 1


def test_only_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path, tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: not a file$"):
            read_sheet(path)
    with pytest.raises(ValueError, match=r"none\.yaml: No such file or directory$"):
        read_sheet(tmp_path / "none.yaml")
