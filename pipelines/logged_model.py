"""The code that is logged with a model: MLflow runs this file when it loads one. No pickle anywhere.

Input: `images` (N, H, W, 3) uint8 RGB and `boxes` (N, 4) x0 y0 x1 y1, image px. Output: (N, K, 2) float32, (x, y), image px.
"""

from __future__ import annotations

import warnings

import mlflow
from mlflow.pyfunc import PythonModel, PythonModelContext

from components.model import LandmarkModel

# MLflow asks every model for type hints; this one is logged with a signature, which says more.
warnings.filterwarnings("ignore", message=".*[Tt]ype hint", category=UserWarning)


class LoggedLandmarkModel(PythonModel):
    """A `LandmarkModel` behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        self.model = LandmarkModel.load(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        return self.model.predict(model_input["images"], model_input["boxes"])


mlflow.models.set_model(LoggedLandmarkModel())
