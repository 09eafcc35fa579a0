"""Only regular files are opened."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from components.files import check_regular


def refused(path: Path, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_regular(path)


def test_a_file_and_a_link_to_one_pass(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to("file")
    check_regular(tmp_path / "file")
    check_regular(tmp_path / "link")


def test_what_would_wait_or_worse_is_refused_without_being_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    refused(tmp_path / "pipe", "expected a regular file, got a pipe")
    refused(tmp_path / "link", "expected a regular file, got a pipe")
    refused(tmp_path, "expected a regular file, got a folder")
    refused(Path("/dev/zero"), "expected a regular file, got a device")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        refused(tmp_path / "s", "expected a regular file, got a socket")


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / "none", "No such file or directory")
    refused(tmp_path / "loop", "Too many levels of symbolic links")
    refused(tmp_path / ("x" * 300), "File name too long")
