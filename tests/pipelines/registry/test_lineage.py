"""Where a result comes from: what changes the key of a training, and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines.params import Params
from pipelines.registry.lineage import data_version, datasets_tags, hash_files, training_key


def changed(params: Params, section: str, values: object) -> Params:
    """Some keys of a section changed, or the value of a key; datasets name no markup, but have the model's."""
    fields = params.model_dump()
    for source in fields["datasets"].values():
        del source["scheme"]
    fields[section] = {**fields[section], **values} if isinstance(values, dict) else values
    return Params.model_validate(fields)


def test_files_are_hashed_in_one_order(crops: Path) -> None:
    paths = sorted(crops.rglob("*.parquet"))
    assert hash_files(paths, crops) == hash_files(paths[::-1], crops)


def test_a_hash_depends_on_names_and_on_bytes_but_not_on_the_folder(crops: Path, tmp_path_factory) -> None:
    crops = crops / "synthetic"
    before = hash_files(crops.iterdir(), crops)
    moved = tmp_path_factory.mktemp("moved")
    for path in crops.iterdir():
        (moved / path.name).write_bytes(path.read_bytes())
    assert before == hash_files(moved.iterdir(), moved)
    (moved / "val-00000-of-00001.parquet").rename(moved / "val-00000-of-00002.parquet")
    renamed = hash_files(moved.iterdir(), moved)
    (moved / "val-00000-of-00002.parquet").write_bytes(b"other")
    assert 3 == len({before, renamed, hash_files(moved.iterdir(), moved)})


def test_a_key_is_16_hexadecimal_digits_and_the_same_again(params: Params, crops: Path) -> None:
    key = training_key(params, crops)
    assert key == training_key(params, crops)
    assert 16 == len(key)
    assert set(key) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("section", "values"),
    [
        ("augment", {"flip": 0.25}),
        ("codec", {"sigma": 1.25}),
        ("network", {"width": 24}),
        ("loss", {"heatmap": "mse"}),
        ("train", {"seed": 1}),
        ("train", {"num_workers": 1}),
        ("preprocess", {"expand": 1.4}),
        ("scheme", "wflw98"),
        ("evaluate", {"protocol": "inter_pupil"}),
    ],
)
def test_whatever_decides_a_training_changes_its_key(params: Params, crops: Path, section: str, values: object) -> None:
    assert training_key(params, crops) != training_key(changed(params, section, values), crops)


def test_a_changed_crop_changes_the_key(params: Params, crops: Path) -> None:
    before = training_key(params, crops)
    (crops / "synthetic/train-00000-of-00001.parquet").write_bytes(b"other")
    assert before != training_key(params, crops)


@pytest.mark.parametrize(
    ("section", "values"), [("promotion", {"looks_per_year": 12}), ("ingest", {"min_inside": 0.25})]
)
def test_what_comes_after_or_shows_in_the_crops_does_not(
    params: Params, crops: Path, section: str, values: object
) -> None:
    assert training_key(params, crops) == training_key(changed(params, section, values), crops)


TWO = {"synthetic": {"reader": "synthetic", "share": 0.5}, "more": {"reader": "300w", "share": 0.5, "held_out": False}}


def test_of_several_datasets_shares_and_who_is_held_out_change_the_key_but_what_is_of_none_does_not(
    params: Params, crops: Path
) -> None:
    shutil.copytree(crops / "synthetic", crops / "more")
    both = with_datasets(params, TWO)
    keys = {training_key(params, crops), training_key(both, crops)}
    more = {**TWO["more"], "share": 0.25}
    keys.add(
        training_key(with_datasets(params, {"synthetic": {**TWO["synthetic"], "share": 0.75}, "more": more}), crops)
    )
    keys.add(training_key(with_datasets(params, {**TWO, "more": {**TWO["more"], "held_out": True}}), crops))
    assert 4 == len(keys)
    before = training_key(both, crops)
    shutil.copytree(crops / "synthetic", crops / "gone")
    # A JSON of sorted keys cannot tell in which order datasets stand in a file, so it must not matter.
    assert before == training_key(with_datasets(params, dict(reversed(TWO.items()))), crops)
    (crops / "more/train-00000-of-00001.parquet").write_bytes(b"other")
    assert before != training_key(both, crops)


def with_datasets(params: Params, datasets: dict) -> Params:
    return Params.model_validate({**params.model_dump(), "datasets": datasets})


def test_what_a_dataset_is_called_and_read_by_does_not_change_the_key(params: Params, crops: Path) -> None:
    before = training_key(params, crops)
    (crops / "synthetic").rename(crops / "faces")
    assert before == training_key(with_datasets(params, {"faces": {"reader": "300w"}}), crops)


def test_each_dataset_is_tagged_with_the_version_that_was_read_its_share_and_its_use(
    params: Params, tmp_path: Path
) -> None:
    lock, both = tmp_path / "dvc.lock", with_datasets(params, TWO)
    expected = {
        "data.more": "unknown, 0.5 of each batch, trains only",
        "data.synthetic": "unknown, 0.5 of each batch, held out",
    }
    assert expected == datasets_tags(both, lock)
    dep = "{path: data/more, md5: 0123abcd.dir}"
    for recipe, version in (("tiny", "0123abcd.dir"), ("another", "unknown")):
        outs = f"outs: [{{path: artifacts/{recipe}/annotations/more, md5: c}}]"
        lock.write_text(f"stages:\n  ingest@more:\n    deps: [{{path: a, md5: b}}, {dep}]\n    {outs}\n")
        assert {**expected, "data.more": f"{version}, 0.5 of each batch, trains only"} == datasets_tags(both, lock)


def test_the_version_of_the_data_is_what_dvc_wrote(tmp_path: Path) -> None:
    (tmp_path / "data.dvc").write_text("outs:\n- md5: 0123abcd.dir\n  path: data\n")
    assert "0123abcd.dir" == data_version(tmp_path / "data.dvc")


def test_before_the_first_dvc_add_there_is_none(tmp_path: Path) -> None:
    assert "none" == data_version(tmp_path / "data.dvc")
