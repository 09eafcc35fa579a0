"""The code that is logged with a model: MLflow runs this file when it loads one. No pickle anywhere.

It takes either of two forms, boxes being x0 y0 x1 y1, image px:

* Arrays: `images`, N pictures (H, W, 3) uint8 RGB, of one size or a list of several, and `boxes` (N, 4), one face each; without
  boxes, whole pictures. Gives (N, K, 2) float32, (x, y), image px.
* A table, as `mlflow models serve` makes one of JSON: a row is a picture, `image` the base64 of a file's bytes, `boxes` a list of
  boxes; null: the whole picture is one face's. Gives a row for each, F faces with `landmarks` (F, K, 2) and `confidence` (F, K), and with
  `visible` (F, K), the probability of that, of a model that learnt it.
"""

from __future__ import annotations

import base64
import binascii

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel, PythonModelContext

from components.boxes import boxes_on, whole
from components.images import decode
from components.model import LandmarkModel


class LoggedLandmarkModel(PythonModel):
    """A `LandmarkModel` behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        self.model = LandmarkModel.load(context.artifacts["model"])

    # The hint is one that MLflow takes no signature from: the model is logged with one.
    def predict(self, context: PythonModelContext, model_input: np.ndarray, params: dict | None = None) -> np.ndarray:
        if not isinstance(model_input, pd.DataFrame):
            return self.find_on_arrays(model_input)
        if "image" in model_input:
            return self.find_on_files(model_input)
        # By its signature MLflow lays a dict of arrays down as the only row of a table.
        return self.find_on_arrays(model_input.iloc[0] if len(model_input) == 1 else {})

    def find_on_arrays(self, given: dict | pd.Series) -> np.ndarray:
        """(N, K, 2) float32, (x, y), image px."""
        if "images" not in given:
            raise ValueError("expected images, and boxes beside them; or a table with a column image")
        images = [in_bytes(np.asarray(image)) for image in given["images"]]
        boxes = given.get("boxes")
        if boxes is None:
            boxes = np.concatenate([np.zeros((0, 4)), *map(whole, images)])
        return self.model.predict(images, np.asarray(boxes, np.float64))

    def find_on_files(self, table: pd.DataFrame) -> pd.DataFrame:
        """A row per picture; one picture is decoded at a time, so that many of them take no more memory than one."""
        boxes = table["boxes"] if "boxes" in table else [None] * len(table)
        rows = enumerate(zip(table["image"], boxes, strict=True), 1)
        return pd.DataFrame([self.find_on_file(number, *row) for number, row in rows])

    def find_on_file(self, number: int, image: object, boxes: object) -> dict[str, list]:
        try:
            picture = decode(from_base64(image))
            own = boxes_on(picture, boxes if isinstance(boxes, list | tuple | np.ndarray) else none_of(boxes))
        except ValueError as error:
            raise ValueError(f"row {number}: {error}") from error
        found = self.model.find([picture] * len(own), own)
        said = {"landmarks": found.landmarks.tolist(), "confidence": found.confidence.tolist()}
        return {**said, "visible": found.visible.tolist()} if self.model.config.visibility else said


def in_bytes(image: np.ndarray) -> np.ndarray:
    """A picture whose whole numbers came as JSON, as uint8; any other is left as it is, and refused later."""
    if image.dtype.kind == "i" and image.size and image.min() >= 0 and image.max() <= 255:
        return image.astype(np.uint8)
    return image


def from_base64(image: object) -> bytes:
    """The bytes of a file.

    Raises:
        ValueError: No text, or not in base64.
    """
    if isinstance(image, bytes):  # a table that was made in Python may have the bytes themselves
        return image
    if not isinstance(image, str):
        raise ValueError(f"image: expected the base64 of a picture's bytes, got {type(image).__name__}")
    try:
        return base64.b64decode(image, validate=True)
    except binascii.Error as error:
        raise ValueError(f"image: not in base64: {error}") from error


def none_of(boxes: object) -> None:
    """What stands for no boxes: null, which in a column beside lists is a NaN.

    Raises:
        ValueError: It is something else.
    """
    if not (boxes is None or (isinstance(boxes, float) and np.isnan(boxes))):
        raise ValueError(f"boxes: expected a list of [x0, y0, x1, y1], or null, got {type(boxes).__name__}")


mlflow.models.set_model(LoggedLandmarkModel())
