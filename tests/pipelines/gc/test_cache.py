"""Whose cache is looked at."""

from __future__ import annotations

import subprocess

from pipelines.gc import cache


def test_a_cache_outside_of_the_checkout_is_left_to_those_who_share_it(tmp_path):
    root = tmp_path / "checkout"
    root.mkdir()
    for words in (["git", "init", "-q"], ["dvc", "init", "-q"], ["dvc", "cache", "dir", str(tmp_path / "shared")]):
        subprocess.run(words, cwd=root, check=True, capture_output=True)
    (root / "data").write_text("1")
    for text in ("1", "2"):
        (root / "data").write_text(text)
        subprocess.run(["dvc", "add", "-q", "data"], cwd=root, check=True)
    assert [] == list(cache.items(root, set()))
    subprocess.run(["dvc", "cache", "dir", str(root / "own")], cwd=root, check=True, capture_output=True)
    (tmp_path / "shared").rename(root / "own")
    assert ["1 files"] == [item.name for item in cache.items(root, set())]
