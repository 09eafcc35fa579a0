"""What MLflow runs when it loads one of our models: arrays and tables in, the same landmarks as from the model itself."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import cv2
import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc.scoring_server import infer_and_parse_data

from components.codecs import Subpixel
from components.model import LandmarkModel, ModelConfig
from components.networks import UNet
from components.schemes import SCHEMES
from components.synthetic import draw_face
from pipelines.registry.logged_model import LoggedLandmarkModel
from pipelines.registry.model_code import stage_code
from pipelines.registry.tracking import EXAMPLE, signature
from pipelines.runtime.environment import ROOT
from pipelines.serving.faces import Faces
from pipelines.serving.model import Model

BOXES = [[20, 24.5, 101, 110], [25, 25, 96, 105]]


@pytest.fixture(scope="module")
def network() -> LandmarkModel:
    """68 landmarks, 64 px crops, random weights."""
    torch.manual_seed(0)
    codec = Subpixel(crop=64, stride=4, sigma=1.5, window=5, temperature=10.0)
    return LandmarkModel(ModelConfig(SCHEMES["ibug68"], codec, UNet(width=4), "mse", 1.25, "landmarks")).eval()


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """(128, 128, 3) and (96, 96, 3)."""
    return [draw_face(0, 0, 128).image, draw_face(0, 2, 96).image]


@pytest.fixture(scope="module")
def found(network: LandmarkModel, pictures: list[np.ndarray]) -> Faces:
    """Three faces by `model.find`: two on the first picture, and the second as a whole."""
    return Model(network).find(pictures, [BOXES, None])


@pytest.fixture(scope="module")
def loaded(network: LandmarkModel, tmp_path_factory: pytest.TempPathFactory):
    """The model as MLflow loads it, with the signature that it is logged with."""
    folder = tmp_path_factory.mktemp("logged")
    (folder / "model").mkdir()
    network.save(folder / "model")
    mlflow.pyfunc.save_model(
        folder / "saved",
        python_model=str(ROOT / "pipelines/registry/logged_model.py"),
        artifacts={"model": str(folder / "model")},
        code_paths=[str(stage_code(folder / "code", ROOT))],
        signature=signature(),
        input_example=EXAMPLE,
        pip_requirements=[],
    )
    return mlflow.pyfunc.load_model(str(folder / "saved"))


def in_base64(picture: np.ndarray) -> str:
    """Of the picture as a PNG, which loses nothing."""
    return base64.b64encode(cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()).decode()


def test_arrays_of_any_type_of_boxes_give_the_models_own_landmarks(loaded, pictures, found):
    for dtype in (np.float32, np.float64):
        given = {"images": np.stack([pictures[0]] * 2), "boxes": np.array(BOXES, dtype)}
        answer = loaded.predict(given)
        assert ((2, 68, 2), np.float32) == (answer.shape, answer.dtype)
        np.testing.assert_allclose(found.on(0).landmarks, answer, atol=1e-3)


def test_pictures_of_several_sizes_come_in_a_list(loaded, pictures, found):
    boxes = np.array([BOXES[0], [-0.5, -0.5, 95.5, 95.5]])
    answer = loaded.predict({"images": pictures, "boxes": boxes})
    np.testing.assert_allclose(found.landmarks[[0, 2]], answer, atol=1e-3)


def test_pictures_without_boxes_are_one_face_each(loaded, pictures, found):
    np.testing.assert_allclose(found.landmarks[[2]], loaded.predict({"images": pictures[1:]}), atol=1e-3)


def as_json(given: object) -> object:
    """What `mlflow models serve` makes of a request's body."""
    return infer_and_parse_data(json.loads(json.dumps(given)), signature().inputs)


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records"])
def test_a_table_of_files_in_base64_gives_landmarks_and_confidence_a_row(loaded, pictures, found, form):
    rows = [[in_base64(pictures[0]), BOXES], [in_base64(pictures[1]), None]]
    columns = ["image", "boxes"]
    split = {"columns": columns, "data": rows}
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    answer = loaded.predict(as_json({form: split if form == "dataframe_split" else records}))
    assert ["landmarks", "confidence"] == list(answer)
    for i, row in enumerate(answer.to_dict("records")):
        np.testing.assert_allclose(found.on(i).landmarks, row["landmarks"], atol=1e-3)
        np.testing.assert_allclose(found.on(i).confidence, row["confidence"], atol=1e-5)


def test_a_row_says_which_landmarks_are_visible_where_the_model_knows(network, pictures):
    seeing = LoggedLandmarkModel()
    seeing.model = network.under(replace(network.config, visibility=True))
    (row,) = seeing.find_on_files(pd.DataFrame({"image": [in_base64(pictures[0])], "boxes": [BOXES]})).to_dict(
        "records"
    )
    np.testing.assert_array_equal(0.5, row["visible"])  # of weights of 0, for each of the faces
    assert (len(BOXES), 68) == np.shape(row["visible"])
    assert list(row) == signature().outputs.input_names()


def test_a_table_without_boxes_has_a_face_on_each_picture(loaded, pictures, found):
    answer = loaded.predict(as_json({"dataframe_records": [{"image": in_base64(pictures[1])}]}))
    np.testing.assert_allclose(found.on(1).landmarks, answer["landmarks"][0], atol=1e-3)


def test_arrays_may_come_as_json_too(loaded, pictures, found):
    answer = loaded.predict(as_json({"inputs": {"images": [pictures[0].tolist()], "boxes": [[20, 24.5, 101, 110]]}}))
    np.testing.assert_allclose(found.landmarks[:1], answer, atol=1e-3)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"image": "not base64!"}, "row 1: image: not in base64"),
        ({"image": base64.b64encode(b"no picture").decode()}, "row 1: unreadable or truncated image"),
        ({"image": None}, "row 1: image: expected the base64 of a picture's bytes, got NoneType"),
        ({"boxes": "wide"}, "row 1: boxes: expected a list of"),
        ({"boxes": [[200, 0, 300, 9]]}, "row 1: box 200 0 300 9 lies outside the picture"),
    ],
)
def test_what_is_wrong_with_a_row_is_one_sentence(loaded, pictures, row, words):
    with pytest.raises((ValueError, MlflowException), match=words):
        loaded.predict(pd.DataFrame([{"image": in_base64(pictures[0]), "boxes": BOXES, **row}]))


def test_something_else_is_refused_by_the_names_that_are_expected(loaded):
    with pytest.raises(ValueError, match="expected images, and boxes beside them; or a table with a column image"):
        loaded.predict({"boxes": np.array(BOXES)})


def test_the_signature_survives_being_written_down():
    assert signature() == ModelSignature.from_dict(signature().to_dict())
