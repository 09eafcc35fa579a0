"""Export: a model -> one ONNX file that finds landmarks by itself, wherever ONNX runs.

In the graph are the network, the decoder and the mirror offset, with batch norm folded into the convolutions before it: crops
(N, side, side, 3) uint8 RGB in, any number of them; landmarks (N, K, 2) float32, (x, y), crop px, and confidence (N, K) out, and of
a model that learnt which landmarks are visible, visible (N, K), the probability of that.
How a crop is cut, what the landmarks are called and what made the model stands in the file's metadata as JSON. The file is
compared with the model before it gets its name.
"""

from __future__ import annotations

import copy
import json
import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import cv2
import numpy as np
import torch
from onnx_ir.passes.common import ClearMetadataAndDocStringPass
from torch import nn

from components.model import LandmarkModel
from components.model_file import WEIGHTS
from pipelines.runtime import command
from pipelines.runtime.outputs import whole_file
from pipelines.serving.inputs import shown
from pipelines.serving.model import ONNX, fetched
from pipelines.serving.onnx_model import CROPS, METADATA, OnnxModel, outputs_of

# Of 2023; what it asks for is in ONNX Runtime since 1.17.
OPSET = 20
# How far, px, and in how many of the landmarks at most, an answer may be elsewhere than the model's: where two cells are nearly
# as high, rounding decides which is the peak. Half precision has 11 bits, and rounds each of a network's layers.
WITHIN_PX = {False: 0.01, True: 0.5}
# The same of the probability that a landmark is visible.
WITHIN = {False: 0.001, True: 0.05}
ELSEWHERE = {False: 0.01, True: 0.1}
COMPARED = 16
# An ONNX file is one message of protobuf, which ends at 2 GiB, and beside the weights it holds the graph and the decoder's tables.
MAX_WEIGHT_BYTES = 1_500_000_000


class Whole(nn.Module):
    """The graph: a model's network, decoder and mirror offset."""

    offset: torch.Tensor

    def __init__(self, model: LandmarkModel) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("offset", torch.tensor([model.config.mirror_offset, 0.0]))

    def forward(self, crops: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Crops (N, H, W, 3) uint8 RGB -> landmarks (N, K, 2), crop px, confidence (N, K) and, of a model that says it, visible (N, K)."""
        outputs = self.model(crops.permute(0, 3, 1, 2))
        decoded = self.model.decode(outputs)
        found = decoded.landmarks + self.offset, decoded.confidence
        return (*found, outputs["visibility"].sigmoid()) if self.model.visibility else found


def halved(model: LandmarkModel) -> LandmarkModel:
    """A copy whose network and head compute in half precision; pictures and maps stay float32 outside of them."""
    copied = copy.deepcopy(model)
    for part in filter(None, (copied.network, copied.head)):
        part.half()
        part.register_forward_pre_hook(lambda _, inputs: tuple(value.half() for value in inputs))
        part.register_forward_hook(lambda _, inputs, outputs: _in_float32(outputs))
    return copied


def _in_float32(outputs: Any) -> Any:
    if isinstance(outputs, dict):
        return {name: value.float() for name, value in outputs.items()}
    return outputs.float()


def write(model: LandmarkModel, path: Path, facts: dict[str, Any], half: bool = False) -> None:
    """Writes a model as an ONNX file.

    Args:
        model: On the CPU.
        path: Written in place.
        facts: About the model, JSON-ready, to be kept in the file beside its configuration.
        half: Whether network and head compute in half precision.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of torchvision, which nothing here uses
    whole = Whole(halved(model) if half else model).eval()
    side = model.config.codec.crop
    crops = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    with torch.no_grad(), warnings.catch_warnings():
        # Decoders keep tables that they computed once (`lru_cache`): of real numbers, before any are traced.
        whole(crops)
        warnings.simplefilter("ignore", FutureWarning)  # torch's own, about itself
        program = torch.onnx.export(
            whole,
            (crops,),
            dynamo=True,
            input_names=[CROPS],
            output_names=outputs_of(model.config),
            dynamic_shapes={"crops": {0: torch.export.Dim("faces")}},
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    # Each node would name the lines that made it, with this machine's folders.
    ClearMetadataAndDocStringPass()(program.model)
    said = {**model.config.to_dict(), "precision": "float16" if half else "float32", "facts": facts}
    program.model.metadata_props[METADATA] = json.dumps(said)
    program.save(path)


def compare(model: LandmarkModel, exported: OnnxModel, crops: np.ndarray) -> np.ndarray:
    """How far apart, px, the two put each landmark on crops (N, H, W, 3) uint8: (N, K)."""
    apart = exported.predict_crops(crops).landmarks - model.predict_crops(crops).landmarks
    return np.linalg.norm(apart, axis=-1)


def check(model: LandmarkModel, exported: OnnxModel, half: bool) -> float:
    """The share of landmarks on pictures of noise that the exported model puts elsewhere.

    Raises:
        ValueError: It is larger than rounding makes it, or the exported model's answers are not finite.
    """
    crops = blots(model.config.codec.crop)
    elsewhere = float((compare(model, exported, crops) > WITHIN_PX[half]).mean())
    if elsewhere > ELSEWHERE[half]:
        way_out = "export it without --half" if half else "please report this"
        raise ValueError(
            f"the exported model does not do as the model does: on pictures of noise {elsewhere:.1%} of its landmarks lie more "
            f"than {WITHIN_PX[half]} px from the model's; {way_out}"
        )
    apart = np.abs(exported.predict_crops(crops).visible - model.predict_crops(crops).visible) > WITHIN[half]
    if apart.mean() > ELSEWHERE[half]:
        raise ValueError(
            f"the exported model does not do as the model does: on pictures of noise {apart.mean():.1%} of its landmarks are visible "
            f"with a probability that is more than {WITHIN[half]} from the model's; please report this"
        )
    return elsewhere


def blots(side: int) -> np.ndarray:
    """Pictures (N, side, side, 3) uint8 of blurred noise, on which a network has something to find."""
    coarse = np.random.default_rng(0).integers(0, 256, (COMPARED, 8, 8, 3), dtype=np.uint8)
    return np.stack([cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC) for picture in coarse])


def check_size(folder: Path, half: bool) -> None:
    """Refuses a saved model that no single file holds, before it is loaded; one without weights is for the loading to refuse.

    Raises:
        ValueError: Its weights are too large.
    """
    weights = folder / WEIGHTS
    size = (weights.stat().st_size if weights.is_file() else 0) // (2 if half else 1)
    if size > MAX_WEIGHT_BYTES:
        way_out = "train a smaller network" if half else "--half halves them"
        raise ValueError(
            f"the model's weights have {size / 1e9:.1f} GB, and one ONNX file holds {MAX_WEIGHT_BYTES / 1e9:.1f} GB of them: {way_out}"
        )


def main(model: str, out: Path, half: bool = False, overwrite: bool = False) -> None:
    """Exports MODEL to the file OUT.

    Raises:
        ValueError: There is no such model, the file is there already, or the exported model does not do as the model does.
    """
    if out.suffix != ONNX:
        raise ValueError(f"{shown(str(out))}: an exported model is called NAME.onnx")
    if out.is_dir():
        raise ValueError(f"{shown(str(out))} is a folder: name another file")
    if out.exists() and not overwrite:
        raise ValueError(f"{shown(str(out))} is there already: name another file, or replace it by --overwrite")
    torch.set_num_threads(1)
    with TemporaryDirectory() as place:
        saved = fetched(model, Path(place))
        check_size(saved.folder, half)
        loaded = LandmarkModel.load(saved.folder)
    print(
        f"export: {shown(model)}, {'half' if half else 'single'} precision; a large network takes minutes", flush=True
    )
    with whole_file(out) as partial:
        write(loaded, partial, saved.facts, half)
        elsewhere = check(loaded, OnnxModel(partial), half)
    print(
        f"export: on {COMPARED} pictures of noise {1 - elsewhere:.1%} of its landmarks lie within {WITHIN_PX[half]} px of the "
        f"model's: {shown(str(out))}, {out.stat().st_size / 1e6:.1f} MB, ONNX opset {OPSET}"
    )


if __name__ == "__main__":
    command.run(main)
