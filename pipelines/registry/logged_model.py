"""The code that is logged with a model: MLflow runs this file when it loads one. No pickle anywhere.

Input: `images` (N, H, W, 3) uint8 RGB and `boxes` (N, 4) x0 y0 x1 y1, image px. Output: (N, K, 2) float32, (x, y), image px.
"""

from __future__ import annotations

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel, PythonModelContext

from components.model import LandmarkModel


class LoggedLandmarkModel(PythonModel):
    """A `LandmarkModel` behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        self.model = LandmarkModel.load(context.artifacts["model"])

    # The hint is one that MLflow takes no signature from: the model is logged with one. It is a dict of such arrays.
    def predict(self, context: PythonModelContext, model_input: np.ndarray, params: dict | None = None) -> np.ndarray:
        return self.model.predict(model_input["images"], model_input["boxes"])


mlflow.models.set_model(LoggedLandmarkModel())
