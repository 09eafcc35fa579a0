"""Tables of ours notice a changed byte."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.params import load_params
from pipelines.runtime.environment import ROOT
from pipelines.runtime.tables import read_shard, read_table, write_table
from studies.inputs.crops import draw_shard


def flip(path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_byte_of_a_shard_that_is_flipped_anywhere_in_its_data_is_found_and_the_shard_named(tmp_path):
    path = tmp_path / "train-00000-of-00001.parquet"
    draw_shard(path, load_params(ROOT / "tests/tiny.yaml"), 2)
    whole, pixels = path.read_bytes(), pq.read_metadata(path).row_group(0).column(7)
    assert "pixels" == pixels.path_in_schema
    first, last = pixels.data_page_offset, pixels.data_page_offset + pixels.total_compressed_size
    for at in np.linspace(first + 100, last - 1, 20).astype(int):
        path.write_bytes(whole)
        flip(path, at)
        with pytest.raises(ValueError, match="CRC checksum verification failed") as told:
            read_shard(path, ["pixels"])
        assert str(told.value).startswith(f"{path}: ")
        assert str(told.value).endswith(f"; `rm {path}`, and the next retraining brings it back or makes it again")


def test_a_flipped_byte_of_any_table_is_found(tmp_path):
    path = tmp_path / "errors.parquet"
    table = pa.table({"error": np.random.default_rng(0).random(1000)})
    write_table(table, path)
    assert table == read_table(path)
    flip(path, 1000)
    with pytest.raises(ValueError, match="CRC checksum verification failed"):
        read_table(path)
