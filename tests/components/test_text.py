"""What strangers wrote, shown without harm."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.text import HIDDEN, printable


@pytest.mark.parametrize("text", ["afw/7_1", 'a b\'s "c" \\x1b', "Grüße", "顔", "وجه", "😀", ""])
def test_letters_of_all_scripts_are_left_alone(text: str) -> None:
    assert text == printable(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Python's own escapes: ESC, a line end, the end of a line in one byte, right-to-left override, an isolate, the line
        # separator, a space of no width, a byte order mark, half of a surrogate pair (byte 0xff of a name), delete, C1's ESC.
        ("\x1b[2J", r"\x1b[2J"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("a\x85b", r"a\x85b"),
        ("\u202egpj", r"\u202egpj"),
        ("\u2066a\u2069", r"\u2066a\u2069"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("a\u200bb", r"a\u200bb"),
        ("\ufeffa", r"\ufeffa"),
        ("\udcff", r"\udcff"),
        ("\x7f\x9b", r"\x7f\x9b"),
    ],
)
def test_what_moves_a_cursor_turns_the_writing_or_is_no_utf_8_is_escaped(text: str, shown: str) -> None:
    assert shown == printable(text)


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_hidden_is_left_and_escaping_again_changes_nothing(text: str) -> None:
    shown = printable(text)
    assert not {unicodedata.category(c) for c in shown} & set(HIDDEN)
    assert shown == printable(shown) == shown.encode().decode()
