"""Which DVC remote a retraining pushes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.registry.remote import default_remote


def configured(root: Path, text: str, local: str = "") -> Path:
    (root / ".dvc").mkdir()
    (root / ".dvc/config").write_text(text, encoding="utf-8")
    (root / ".dvc/config.local").write_text(local, encoding="utf-8")
    return root


def test_without_a_default_there_is_none(tmp_path):
    assert default_remote(configured(tmp_path, "['remote \"store\"']\nurl = s3://bucket/dvc\n")) is None


def test_it_is_told_without_its_password(tmp_path):
    text = "[core]\nremote = store\n['remote \"store\"']\nurl = https://me:secret@host/dvc\n"
    assert "store at https://host/dvc" == default_remote(configured(tmp_path, text))


def test_a_machines_own_config_goes_before_the_committed_one(tmp_path):
    text = "[core]\nremote = store\n['remote \"store\"']\nurl = s3://bucket/dvc\n"
    local = "['remote \"store\"']\nurl = s3://other/dvc\n"
    assert "store at s3://other/dvc" == default_remote(configured(tmp_path, text, local))


def test_a_default_without_a_place_is_refused(tmp_path):
    with pytest.raises(
        ValueError, match="DVC's default remote is 'store', but has no URL: `dvc remote add --default store PLACE`"
    ):
        default_remote(configured(tmp_path, "[core]\nremote = store\n"))
