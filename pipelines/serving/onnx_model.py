"""A model in an ONNX file that `export` wrote, in ONNX Runtime: needs no network of ours, and no torch to compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from components.configuration import parse_json
from components.model import Found, ModelConfig, find_faces, unsaid

CROPS, LANDMARKS, CONFIDENCE, VISIBLE = "crops", "landmarks", "confidence", "visible"
# The key of what the file's metadata say.
METADATA = "heatmark"
# What they say beside the fields of a model.
BESIDE = ("precision", "facts")


def outputs_of(config: ModelConfig) -> list[str]:
    """What the graph of such a model gives, in order."""
    return [LANDMARKS, CONFIDENCE, *([VISIBLE] if config.visibility else [])]


class OnnxModel:
    """Finds landmarks as the model does that was exported.

    Args:
        path: The file; it may go once this is made.
        num_threads: To compute with on a CPU; 0: as many as it has cores.

    Attributes:
        config: Of the model; how a crop is cut out, and what the landmarks are called.
        facts: What was said about the model when it was exported.

    Raises:
        ValueError: It is missing, no ONNX file, damaged, or not of this product's making.
    """

    def __init__(self, path: Path | str, num_threads: int = 0) -> None:
        if not Path(path).is_file():
            raise ValueError(f"{path}: there is no such file")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = num_threads
        options.log_severity_level = 3  # errors: whatever else it says is about its own choices
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, onnxruntime.get_available_providers())
        except Exception as error:  # a dozen kinds of its own, without a common base
            why = next(iter(str(error).splitlines()), type(error).__name__)
            raise ValueError(f"{path} is no ONNX file that can be used: {why}") from error
        said = self.session.get_modelmeta().custom_metadata_map.get(METADATA)
        if said is None:
            raise ValueError(f"{path} was not written by heatmark export: its metadata have no {METADATA!r}")
        try:
            fields = parse_json(said)
            beside = {name: fields.pop(name, None) for name in BESIDE} if isinstance(fields, dict) else {}
            self.config = ModelConfig.from_dict(fields)
        except ValueError as error:
            raise ValueError(f"{path}: metadata {METADATA!r}: {error}") from error
        self.facts = beside["facts"] or {}
        self._check_graph(path)

    def _check_graph(self, path: Path | str) -> None:
        side = self.config.codec.crop
        takes = {each.name: each.shape[1:] for each in self.session.get_inputs()}
        gives = [each.name for each in self.session.get_outputs()]
        if takes != {CROPS: [side, side, 3]} or gives != outputs_of(self.config):
            raise ValueError(f"{path}: its graph is not the one that its metadata are of")

    def predict_crops(self, pixels: np.ndarray) -> Found:
        """Crops (N, H, W, 3) uint8 RGB -> landmarks, crop px, and their confidence.

        Raises:
            ValueError: What the network says is not finite.
        """
        said = self.session.run(outputs_of(self.config), {CROPS: np.ascontiguousarray(pixels)})
        numbers = np.concatenate([each.reshape(len(each), -1) for each in said], axis=1)
        broken = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        if len(broken):
            raise ValueError(
                f"the exported network's outputs are not finite for {len(broken)} of {len(pixels)} faces: in half precision "
                "numbers may grow too large; export the model without --half"
            )
        landmarks, confidence, *visible = said
        return Found(landmarks, confidence, self.config.expected(confidence), *(visible or [unsaid(confidence)]))

    def find(self, images: Sequence[np.ndarray] | np.ndarray, boxes: np.ndarray) -> Found:
        """As `LandmarkModel.find`: landmarks of one face per picture, image px.

        Raises:
            ValueError: Shapes or types that it does not take, a box without area, or outputs that are not finite.
        """
        return find_faces(self.predict_crops, self.config, images, boxes)
