"""Damaged files of every format: each is read or refused by name, in time and memory, and takes no process with it.

2,000 of them, the same at every run: bytes changed, cut off or put in, at places and of kinds that depend on the
number alone.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from components.datasets import DATASETS
from components.datasets.matlab_process import Parser
from components.schemes import SCHEMES

NUM_FILES = 2000
EACH = -(-NUM_FILES // len(DATASETS))
# What a header says of sizes and types stands in front.
HEADER = 600
# What somebody's script might have put among numbers and names.
WORDS = (
    *(
        b"nan",
        b"-inf",
        b"1e30",
        b"1e309",
        b"9" * 5000,
        b"0x10",
        b"1_0",
        b"\0",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n",
    ),
    *(
        b"\n\n\n",
        b",",
        b'"',
        b"'",
        b"{",
        b"}",
        b"[[[[",
        b"../../",
        b"/dev/zero",
        b" ",
        b"\t",
        b"\x1b[31m",
        b"\xe2\x80\xa8",
    ),
    *("\u0661".encode(), b"null", b"true", b"-", b"#IsT/1", b"x" * 5000, b'"' + b"y" * 200_000),
)


def damaged(content: bytes, chance: np.random.Generator) -> bytes:
    """Another content: by one of three means, of which changed bytes are the most frequent."""
    data, kind = bytearray(content), chance.random()
    if kind < 0.15:
        return bytes(data[: chance.integers(len(data))])
    if kind < 0.4:
        place = int(chance.integers(len(data) + 1))
        data[place:place] = WORDS[chance.integers(len(WORDS))]
        return bytes(data)
    for _ in range(chance.integers(1, 4)):
        end = len(data) if chance.random() < 0.5 else min(HEADER, len(data))
        place = int(chance.integers(end))
        data[place] = [0, 0xFF, data[place] ^ (1 << int(chance.integers(8))), int(chance.integers(256))][
            chance.integers(4)
        ]
    return bytes(data)


def copied(whole: Path, folder: Path, but: Path, content: bytes) -> None:
    """The same folder, but for the content of one file."""
    for file in whole.rglob("*"):
        to = folder / file.relative_to(whole)
        to.parent.mkdir(parents=True, exist_ok=True)
        if file == but:
            to.write_bytes(content)
        elif file.is_file():
            os.link(file, to)


@pytest.fixture(scope="module")
def child() -> Iterator[Parser]:
    parser = Parser(str(Path(__file__).with_name("fuzz_child.py")))
    yield parser
    parser.end()


@pytest.mark.parametrize("name", sorted(DATASETS))
def test_a_damaged_file_is_read_or_refused_by_name(
    name: str, tmp_path: Path, writers: dict[str, Callable], child: Parser
) -> None:
    scheme = SCHEMES[(*DATASETS[name].schemes, "ibug68")[0]]
    whole = tmp_path / "whole"
    whole.mkdir()
    writers[name](whole, scheme)
    files = sorted(file for file in whole.rglob("*") if file.is_file())
    seen, wrong = Counter(), []
    for number in range(EACH):
        chance = np.random.default_rng([sorted(DATASETS).index(name), number])
        file, folder = files[number % len(files)], tmp_path / str(number)
        copied(whole, folder, file, damaged(file.read_bytes(), chance))
        answer = child.ask("read", folder, dataset=name, scheme=scheme.name)
        bad = answer.get("wrong", [answer.get("refused", answer.get("error"))])
        wrong += [f"{number} {file.relative_to(whole)}: {story}" for story in bad]
        seen["refused" if answer.get("reasons") else "read"] += not bad
        seen["crashes of the .mat parser"] += any(
            "its parser crashed" in reason for reason in answer.get("reasons", [])
        )
    print(f"{name}: {EACH} files: {dict(seen)}, {len(wrong)} wrong")
    assert [] == wrong
    assert EACH == seen["read"] + seen["refused"]


def test_they_are_two_thousand_files() -> None:
    assert NUM_FILES <= EACH * len(DATASETS)
