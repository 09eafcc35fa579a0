"""Validation faces: decoded once where they may be kept, and the same either way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.images import encode_jpeg
from pipelines.params import Params, load_params
from pipelines.runtime.tables import to_column
from pipelines.training import decoded as pixels
from pipelines.training.validation import Validation

TINY = Path(__file__).parents[2] / "tiny.yaml"
NUM_FACES = 9


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(TINY)


@pytest.fixture(scope="module")
def faces(params: Params) -> pa.Table:
    side, rng = params.preprocess.stored, np.random.default_rng(0)
    pixels = [encode_jpeg(rng.integers(0, 256, (side, side, 3)).astype(np.uint8), 90) for _ in range(NUM_FACES)]
    landmarks = to_column(rng.uniform(0, side, (NUM_FACES, 136)).astype(np.float32), pa.list_(pa.float32(), 136))
    return pa.table({"pixels": pa.array(pixels), "crop_landmarks": landmarks})


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """As long as the number of pictures that were decoded."""
    plain, count = pixels.decode_own, []
    monkeypatch.setattr(pixels, "decode_own", lambda data: (count.append(None), plain(data))[1])
    return count


def test_faces_that_fit_are_decoded_once(params: Params, faces: pa.Table, decoded: list[None]) -> None:
    validation = Validation(params, faces, 0, 1)
    for _ in range(3):
        assert NUM_FACES == sum(len(batch["pixels"]) for batch in validation)
    assert NUM_FACES == len(decoded)


def test_faces_that_do_not_are_decoded_each_time_to_the_same(
    params: Params, faces: pa.Table, decoded: list[None]
) -> None:
    # By hand: three bytes a pixel.
    room = NUM_FACES * 3 * params.preprocess.crop**2
    kept, made = Validation(params, faces, 0, 1, room), Validation(params, faces, 0, 1, room - 1)
    for _ in range(2):
        for one, other in zip(kept, made, strict=True):
            assert all(np.array_equal(one[name], other[name]) for name in one)
    assert NUM_FACES + 2 * NUM_FACES == len(decoded)


def test_the_shares_of_workers_are_all_faces_once(params: Params, faces: pa.Table) -> None:
    whole = np.concatenate([batch["landmarks"] for batch in Validation(params, faces, 0, 1)])
    shares = [np.concatenate([batch["landmarks"] for batch in Validation(params, faces, rank, 2)]) for rank in (0, 1)]
    np.testing.assert_array_equal(whole[0::2], shares[0])
    np.testing.assert_array_equal(whole[1::2], shares[1])
