"""A saved model's files: those of earlier code load as they did, and damaged or made-up ones are one sentence."""

from __future__ import annotations

import hashlib
import json
import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from components.codecs import Subpixel
from components.model import CONFIG, WEIGHTS, LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import Scheme

# The file of a U-Net of width 2 with the head "conv", as code before checksums and before the heads' own package laid it
# out: a convolution with batch norm of (inputs, outputs, kernel) under each name, and two convolutions with a bias.
OLD_LAYERS = {
    "stem.0": (3, 1, 3),
    "stem.1": (1, 2, 3),
    "down.0.0": (2, 2, 3),
    "down.0.1": (2, 2, 3),
    "down.1.0": (2, 3, 3),
    "down.1.1": (3, 3, 3),
    "down.2.0": (3, 4, 3),
    "down.2.1": (4, 4, 3),
    "down.3.0": (4, 5, 3),
    "down.3.1": (5, 5, 3),
    "up.0.0": (9, 4, 3),
    "up.0.1": (4, 4, 3),
    "up.1.0": (7, 3, 3),
    "up.1.1": (3, 3, 3),
    "up.2.0": (5, 2, 3),
    "up.2.1": (2, 2, 3),
    "decimal.0": (2, 4, 1),
    "decimal.2.body.0": (4, 4, 3),
    "decimal.2.body.1": (4, 4, 3),
    "decimal.2.skip": (4, 4, 1),
    "decimal.3": (4, 4, 1),
}
OLD_CONVOLUTIONS = {"heatmap": (2, 3), "decimal.5": (4, 3)}
OLD_FIELDS: dict[str, Any] = {
    "format": 1,
    "scheme": {
        "name": "three",
        "names": ["right", "left", "nose"],
        "flip": [1, 0, 2],
        "inter_ocular": [0, 1],
        "pupils": [[0], [1]],
        "outlines": [[0, 2, 1]],
    },
    "codec": {
        "name": "hih",
        "crop": 64,
        "stride": 4,
        "sigma": 1.5,
        "decimal": 4,
        "decimal_sigma": 1.0,
        "bins": "floor",
        "decimal_head": "conv",
        "decoder": "argmax",
    },
    "network": {"name": "unet", "width": 2},
    "heatmap_loss": "mse",
    "expand": 1.3,
    "box": "landmarks",
}
BEFORE = "was written before checksums"


def old_weights() -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)

    def drawn(*shape: int, scale: float = 1.0) -> torch.Tensor:
        return torch.from_numpy((scale * rng.normal(size=shape)).astype(np.float32))

    weights = {}
    for name, (inputs, outputs, kernel) in OLD_LAYERS.items():
        deviation = (2 / (inputs * kernel**2)) ** 0.5
        weights[f"{name}.0.weight"] = drawn(outputs, inputs, kernel, kernel, scale=deviation)
        weights[f"{name}.1.weight"] = drawn(outputs).abs() + 0.5
        weights[f"{name}.1.bias"] = drawn(outputs)
        weights[f"{name}.1.running_mean"] = drawn(outputs, scale=0.1)
        weights[f"{name}.1.running_var"] = drawn(outputs).abs() + 0.5
        weights[f"{name}.1.num_batches_tracked"] = torch.tensor(7)
    for name, (inputs, outputs) in OLD_CONVOLUTIONS.items():
        weights[f"{name}.weight"], weights[f"{name}.bias"] = drawn(outputs, inputs, 1, 1), drawn(outputs)
    return weights


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A folder as code before checksums wrote it."""
    save_file(old_weights(), tmp_path / WEIGHTS)
    (tmp_path / CONFIG).write_text(json.dumps(OLD_FIELDS, indent=1) + "\n")
    return tmp_path


@pytest.fixture
def saved(tmp_path: Path, three: Scheme) -> Path:
    """A folder as `save` writes it."""
    torch.manual_seed(0)
    subpixel = Subpixel(crop=64, stride=4, sigma=1.5)
    LandmarkModel(ModelConfig(three, subpixel, UNet(width=2), "mse", 1.3, "landmarks")).save(tmp_path)
    return tmp_path


def refusal(folder: Path) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(ValueError, match=r"^[^\n]{1,400}$") as caught:
        LandmarkModel.load(folder)
    return str(caught.value)


def test_a_model_from_before_checksums_loads_with_a_warning_and_predicts_what_it_did(old: Path) -> None:
    with pytest.warns(
        UserWarning, match=f"^{re.escape(str(old))} {BEFORE}: nothing says whether its weights are whole$"
    ):
        model = LandmarkModel.load(old)
    rows, columns = np.mgrid[:80, :90]
    channels = [3 * columns, 2 * rows + columns, (columns - 40) ** 2 + (rows - 30) ** 2]
    picture = (np.stack(channels, -1) % 256).astype(np.uint8)
    found = model.predict([picture, picture], np.array([[5, 5, 60, 55], [20, 10, 85, 75]]))
    # Said by the code of commit 2fc1249, the last one before, of the same two files.
    expected = [
        [[0.66015625, 16.03515625], [38.64453125, 13.80078125], [2.89453125, 18.26953125]],
        [[38.63671875, 15.43359375], [39.95703125, 11.47265625], [50.51953125, 11.47265625]],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_from_before_is_saved_with_the_same_names_and_weights_and_a_checksum(old: Path) -> None:
    with pytest.warns(UserWarning, match=BEFORE):
        model = LandmarkModel.load(old)
    model.save(old)
    fields = json.loads((old / CONFIG).read_text())
    digest = hashlib.sha256((old / WEIGHTS).read_bytes()).hexdigest()
    since = {"mirror_offset": 0.0, "expected_error": None, "visibility": False}
    assert {**OLD_FIELDS, "format": 4, **since, "weights_sha256": digest} == fields
    again, expected = load_file(old / WEIGHTS), old_weights()
    assert set(expected) == set(again)
    for name, value in expected.items():
        assert torch.equal(value, again[name]), name
    LandmarkModel.load(old)  # without a warning


def test_weights_of_another_checksum_are_refused_with_both(saved: Path) -> None:
    said = json.loads((saved / CONFIG).read_text())["weights_sha256"]
    weights = load_file(saved / WEIGHTS)
    save_file({name: value * 2 for name, value in weights.items()}, saved / WEIGHTS)
    found = hashlib.sha256((saved / WEIGHTS).read_bytes()).hexdigest()
    assert f"{saved} holds no model that can be used: {WEIGHTS} has the SHA-256 {found}, and {CONFIG} says {said}" == (
        refusal(saved)
    )


@pytest.mark.parametrize("checksum", ["", "0" * 63, "Z" * 64, 5, ["0" * 64], {}])
def test_a_checksum_of_another_shape_is_refused(saved: Path, checksum: Any) -> None:
    fields = json.loads((saved / CONFIG).read_text())
    (saved / CONFIG).write_text(json.dumps({**fields, "weights_sha256": checksum}))
    assert "weights_sha256: expected 64 hexadecimal digits" in refusal(saved)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_weight_that_is_not_finite_is_refused_by_its_name(saved: Path, value: float) -> None:
    model = LandmarkModel.load(saved)
    with torch.no_grad():
        model.network.heatmap.bias[1] = value
    model.save(saved)
    assert refusal(saved).endswith(f"{WEIGHTS}: heatmap.bias is not finite")


def test_outputs_that_are_not_finite_are_refused_with_the_number_of_faces(saved: Path) -> None:
    model = LandmarkModel.load(saved)
    with torch.no_grad():
        for value in model.network.parameters():
            value.fill_(3e38)  # finite, and their products are not
    with pytest.raises(ValueError, match=r"^the network's outputs are not finite for 3 of 3 faces: "):
        model.predict(np.full((3, 40, 40, 3), 200, np.uint8), np.array([[5, 5, 30, 30]] * 3))


def write_header(path: Path, header: dict, data: bytes, length: int | None = None) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)


def hostile(path: Path, how: str) -> None:
    """Damages a safetensors file."""
    whole = path.read_bytes()
    size = struct.unpack("<Q", whole[:8])[0]
    header, data = json.loads(whole[8 : 8 + size]), whole[8 + size :]
    first, second = sorted(name for name in header if name.endswith("0.weight"))[:2]
    if how == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "no header":
        path.write_bytes(b"\x00" * 100)
    elif how == "header of 2^63 bytes":
        write_header(path, header, data, length=2**63)
    elif how == "header of all bytes":
        write_header(path, header, data, length=len(whole))
    elif how == "overlapping":
        header[second]["data_offsets"] = header[first]["data_offsets"]
        write_header(path, header, data)
    elif how == "beyond the end":
        header[second]["data_offsets"] = [10**15, 10**15 + 72]
        write_header(path, header, data)
    elif how == "huge shape":
        header[second]["shape"] = [2**40, 2**40]
        write_header(path, header, data)
    elif how == "negative":
        header[second]["data_offsets"] = [-8, 0]
        write_header(path, header, data)
    else:
        header[second]["dtype"] = "F99"
        write_header(path, header, data)


HOSTILE = ["cut", "empty", "no header", "header of 2^63 bytes", "header of all bytes", "overlapping", "beyond the end"]


@pytest.mark.filterwarnings(f"ignore:.*{BEFORE}")
@pytest.mark.parametrize("how", [*HOSTILE, "huge shape", "negative", "unknown type"])
def test_a_file_that_lies_about_its_sizes_is_one_sentence(old: Path, how: str) -> None:
    hostile(old / WEIGHTS, how)
    assert refusal(old).startswith(f"{old} holds no model that can be used: {WEIGHTS}: ")


@pytest.mark.filterwarnings(f"ignore:.*{BEFORE}")
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"heatmap.bias": None}, "1 weights are missing, the first is heatmap.bias"),
        ({"extra": torch.zeros(3)}, "1 weights are not of this network, the first is 'extra'"),
        ({"heatmap.bias": torch.zeros(4)}, "heatmap.bias: expected F32 [3], got F32 [4]"),
        ({"heatmap.bias": torch.zeros(3).double()}, "heatmap.bias: expected F32 [3], got F64 [3]"),
    ],
)
def test_weights_of_another_network_are_refused_before_they_are_read(
    old: Path, changed: dict[str, torch.Tensor | None], message: str
) -> None:
    weights = {**old_weights(), **changed}
    save_file({name: value for name, value in weights.items() if value is not None}, old / WEIGHTS)
    assert f"{old} holds no model that can be used: {WEIGHTS}: {message}" == refusal(old)


DEEP = "[" * 10_000 + "]" * 10_000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected the fields of a model, got []"),
        ('"model"', "expected the fields of a model, got 'model'"),
        ("null", "expected the fields of a model, got None"),
        ("7", "expected the fields of a model, got 7"),
        ("{}", "model format None; this code reads formats 1 to 4"),
        ('{"format": true}', "model format True; this code reads formats 1 to 4"),
        ('{"format": 1}', "the fields of a model lack box, codec, expand, heatmap_loss, network, scheme"),
        ("", f"{CONFIG}: Expecting value"),
        ('{"format": 1, "format": 1}', f"{CONFIG}: key 'format' is there twice"),
        ('{"expand": NaN}', f"{CONFIG}: NaN is no JSON number"),
        (DEEP, f"{CONFIG}: nested too deeply"),
        ('{"a":' * 10_000 + "1" + "}" * 10_000, f"{CONFIG}: nested too deeply"),
        ("9" * 5000, f"{CONFIG}: Exceeds the limit"),
    ],
    ids=lambda value: value[:20],
)
def test_text_of_any_other_shape_is_one_sentence(saved: Path, text: str, message: str) -> None:
    (saved / CONFIG).write_text(text)
    assert message in refusal(saved)


def test_bytes_that_are_no_text_are_one_sentence(saved: Path) -> None:
    (saved / CONFIG).write_bytes(b"\xff\xfe{}")
    assert f"{saved} holds no model that can be used: {CONFIG}: 'utf-8' codec can't decode" in refusal(saved)


def test_a_configuration_of_100_mb_is_not_read(saved: Path) -> None:
    with (saved / CONFIG).open("w") as file:
        file.truncate(100_000_000)  # takes no room on the disk
    assert refusal(saved).endswith(f"{CONFIG} has 100,000,000 bytes, and may have 1,000,000")


SCHEME, CODEC = OLD_FIELDS["scheme"], OLD_FIELDS["codec"]


def scheme(**changed: Any) -> dict:
    return {"scheme": {**SCHEME, **changed}}


def codec(**changed: Any) -> dict:
    return {"codec": {**CODEC, **changed}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"expand": 0}, "expand is 0.0: expected 0.01 to 100"),
        ({"expand": -1.3}, "expand is -1.3: expected 0.01 to 100"),
        ({"expand": 1e300}, "expand is 1e+300: expected 0.01 to 100"),
        ({"expand": "1.3"}, "expand: expected a finite number, got '1.3'"),
        ({"expand": True}, "expand: expected a finite number, got True"),
        ({"expand": None}, "expand: expected a finite number, got None"),
        ({"box": "eyes"}, "unknown box 'eyes'; known: annotated, landmarks"),
        ({"box": ["landmarks"]}, "box: expected a text, got ['landmarks']"),
        ({"heatmap_loss": 3}, "heatmap_loss: expected a text, got 3"),
        ({"surprise": 1}, "['surprise'] are not known"),
        ({"scheme": []}, "scheme: expected its fields, got []"),
        ({"scheme": "ibug68"}, "scheme: expected its fields, got 'ibug68'"),
        (scheme(names="abc"), "scheme: names: expected a list, got 'abc'"),
        (scheme(names=["a", 1, "c"]), "scheme: names[1]: expected a text, got 1"),
        (scheme(names=["a", "b"]), "scheme three: flip is not a permutation of 0..1"),
        (scheme(flip=[1, 0, 2, 3]), "scheme three: flip is not a permutation of 0..2"),
        (scheme(flip=[1, 0, 2.0]), "scheme: flip[2]: expected a whole number, got 2.0"),
        (scheme(inter_ocular=[0]), "scheme: inter_ocular: expected 2 values, got 1"),
        (scheme(inter_ocular=[0, 7]), "scheme three: an index lies outside 0..2"),
        (scheme(pupils=[[0], [1], [2]]), "scheme: pupils: expected 2 values, got 3"),
        (scheme(pupils=[0, 1]), "scheme: pupils[0]: expected a list, got 0"),
        (scheme(outlines=[[0, 99]]), "scheme three: an index lies outside 0..2"),
        (scheme(extra=1), "scheme has no extra; it has flip"),
        ({"codec": "hih"}, "codec: expected its name and fields, got 'hih'"),
        ({"codec": {"crop": 64}}, "codec.name is missing"),
        (codec(crop="64"), "codec 'hih': crop: expected a whole number, got '64'"),
        (codec(crop=10**9), "crop is 1000000000: expected 1 to 4096"),
        (codec(crop=80), "unet takes crops of a multiple of 32 px"),
        (codec(decimal_head="vit"), "unknown head 'vit'; known: afc, conv, od, tran"),
        (codec(decimal=3), "a decimal map of 3 bins does not come out of 16 cells"),
        ({"network": {"name": "unet", "width": 0}}, "width is 0: expected 2 to 4096"),
        ({"network": {"name": "unet", "width": 20_000}}, "width is 20000: expected 2 to 4096"),
        # By hand: 1.01 M parameters at width 48 and without a head, so about 85^2 times as many.
        ({"network": {"name": "unet", "width": 4096}, **codec(decimal_head="woo")}, "a network of 7,3"),
        ({"network": {"name": "hourglass", "stacks": 10**9, "depth": 2, "features": 8}}, "stacks is 1000000000: expected 1"),
    ],
    ids=lambda value: json.dumps(value)[:60],
)  # fmt: skip
def test_fields_of_any_other_shape_are_one_sentence(saved: Path, changed: dict, message: str) -> None:
    (saved / CONFIG).write_text(json.dumps({**OLD_FIELDS, **changed}))
    assert message in refusal(saved)


def test_a_crop_that_a_network_cannot_halve_is_one_sentence(saved: Path) -> None:
    network = {"name": "hourglass", "stacks": 1, "depth": 4, "features": 8}
    (saved / CONFIG).write_text(json.dumps({**OLD_FIELDS, **codec(crop=96), "network": network}))
    # By hand: stride 4, four halvings: 64.
    assert "hourglass of depth 4 takes crops of a multiple of 64 px, got 96" == refusal(saved)


def test_a_larger_network_is_allowed_by_the_environment(
    saved: Path, three: Scheme, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEATMARK_MAX_PARAMETERS", "1000")
    assert re.search(
        r"^a network of [\d,]+ parameters is over the limit of 1,000; the variable HEATMARK_MAX_PARAMETERS sets another$",
        refusal(saved),
    )
    monkeypatch.setenv("HEATMARK_MAX_PARAMETERS", "100000")
    LandmarkModel.load(saved)
