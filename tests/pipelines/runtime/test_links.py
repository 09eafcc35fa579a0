"""Links below a folder are found, never entered, and named with the command that replaces them."""

from __future__ import annotations

from pathlib import Path

from pipelines.runtime.links import linked_folders, links, way_out


def test_links_of_every_kind_are_found_in_order_and_none_is_entered(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    (data / "b").mkdir(parents=True)
    (other / "deep").mkdir(parents=True)
    (other / "deep/link").symlink_to("nowhere")
    (data / "b/file").symlink_to(__file__)
    (data / "b/loop").symlink_to("loop")
    (data / "b/up").symlink_to("..")
    (data / "a").symlink_to(other)
    assert [data / name for name in ("a", "b/file", "b/loop", "b/up")] == links(data)
    assert [data / "a", data / "b/up"] == linked_folders(data)


def test_the_command_is_quoted_for_a_shell_and_works(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "far away").mkdir()
    (tmp_path / "far away/x").write_text("hello")
    link = tmp_path / "it's here"
    link.symlink_to(tmp_path / "far away")
    subprocess.run(way_out([link]).strip("`"), shell=True, check=True)
    assert not link.is_symlink()
    assert "hello" == (link / "x").read_text()


def test_of_many_links_the_first_are_told_and_one_to_nowhere_is_to_be_removed(tmp_path: Path) -> None:
    for name in "abcde":
        (tmp_path / name).symlink_to("nowhere")
    told = "; ".join(f"`rm {tmp_path / name}`, which leads nowhere" for name in "abc")
    assert f"{told}; and 2 more" == way_out(links(tmp_path))
