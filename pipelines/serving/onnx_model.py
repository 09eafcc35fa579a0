"""A model in an ONNX file that `export` wrote, in ONNX Runtime: needs no network of ours, and no torch to compute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from components.configuration import parse_json
from components.model import Found, ModelConfig, find_faces

CROPS, LANDMARKS, CONFIDENCE = "crops", "landmarks", "confidence"
# The key of what the file's metadata say.
METADATA = "heatmark"
# What they say beside the fields of a model.
BESIDE = ("precision", "facts")


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
            raise ValueError(f"{path} is no ONNX file that can be used: {str(error).splitlines()[0]}") from error
        said = self.session.get_modelmeta().custom_metadata_map.get(METADATA)
        if said is None:
            raise ValueError(f"{path} was not written by heatmark export: its metadata have no {METADATA!r}")
        fields = parse_json(said)
        beside = {name: fields.pop(name, None) for name in BESIDE} if isinstance(fields, dict) else {}
        self.config = ModelConfig.from_dict(fields)
        self.facts = beside["facts"] or {}

    def predict_crops(self, pixels: np.ndarray) -> Found:
        """Crops (N, H, W, 3) uint8 RGB -> landmarks, crop px, and their confidence."""
        landmarks, confidence = self.session.run([LANDMARKS, CONFIDENCE], {CROPS: np.ascontiguousarray(pixels)})
        return Found(landmarks, confidence)

    def find(self, images: Sequence[np.ndarray] | np.ndarray, boxes: np.ndarray) -> Found:
        """As `LandmarkModel.find`: landmarks of one face per picture, image px.

        Raises:
            ValueError: Shapes or types that it does not take, or a box without area.
        """
        return find_faces(self.predict_crops, self.config, images, boxes)
