"""A detector of YuNet's kind: an ONNX file of the same outputs, which sees a face wherever a cell is white.

What real weights see was not looked at: none come with this product.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from pipelines.serving.detector import Detector
from pipelines.serving.predict import main

STRIDES = (8, 16, 32)
# Values that YuNet says of each cell, and of a cell of 8 px: its box is four cells wide and high around the cell's corner.
SAID = {"cls": 1, "obj": 1, "bbox": 4, "kps": 10}
BOX = np.log([1, 1, 4, 4])


@pytest.fixture(scope="session")
def yunet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cell's score is its mean brightness."""
    nodes = [helper.make_node("Conv", ["input", "mean"], ["brightness"])]
    constants = {"mean": np.full((1, 3, 1, 1), 1 / (3 * 255), np.float32), "nothing": np.zeros(1, np.float32)}
    for stride in STRIDES:
        sides = [stride, stride]
        nodes.append(
            helper.make_node("AveragePool", ["brightness"], [f"map_{stride}"], kernel_shape=sides, strides=sides)
        )
        nodes.append(helper.make_node("Reshape", [f"map_{stride}", "list"], [f"cls_{stride}"]))
        nodes.append(helper.make_node("Identity", [f"cls_{stride}"], [f"obj_{stride}"]))
        nodes.append(helper.make_node("Mul", [f"cls_{stride}", "nothing"], [f"nothing_{stride}"]))
        for name, value in (("bbox", BOX), ("kps", np.zeros(10))):
            constants[f"{name}_of_{stride}"] = value.reshape(1, 1, -1).astype(np.float32)
            nodes.append(helper.make_node("Add", [f"nothing_{stride}", f"{name}_of_{stride}"], [f"{name}_{stride}"]))
    held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    held.append(numpy_helper.from_array(np.array([1, -1, 1]), "list"))
    outputs = [
        helper.make_tensor_value_info(f"{name}_{stride}", TensorProto.FLOAT, [1, f"cells_{stride}", size])
        for name, size in SAID.items()
        for stride in STRIDES
    ]
    inputs = [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "height", "width"])]
    graph = helper.make_graph(nodes, "yunet", inputs, outputs, held)
    path = tmp_path_factory.mktemp("detector") / "yunet.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def picture(*cells: tuple[int, int], side: int = 8, height: int = 200, width: int = 300) -> np.ndarray:
    """Black, with a white square of `side` px at each (x, y)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for x, y in cells:
        pixels[y : y + side, x : x + side] = 255
    return pixels


def test_a_box_is_in_the_pictures_px_with_centres_at_integers(yunet):
    # The cell at (160, 96): a box of 32 px around that corner, from edge 144 to edge 176, as YuNet counts edges.
    assert [[143.5, 79.5, 175.5, 111.5]] == Detector(yunet).boxes(picture((160, 96))).tolist()


def test_every_face_is_found_and_none_where_there_is_none(yunet):
    detector = Detector(yunet)
    found = detector.boxes(picture((40, 40), (200, 120)))
    assert [[23.5, 23.5, 55.5, 55.5], [183.5, 103.5, 215.5, 135.5]] == sorted(found.tolist())
    assert (0, 4) == detector.boxes(picture()).shape
    assert (0, 4) == detector.boxes(picture(height=1, width=1)).shape


def test_a_large_picture_is_reduced_and_its_box_is_of_the_original(yunet):
    # 2048 px become 1024: a white square of 16 px is a cell again, and the box of 32 px is one of 64.
    found = Detector(yunet).boxes(picture((320, 192), side=16, height=1024, width=2048))
    np.testing.assert_allclose([[287.5, 159.5, 351.5, 223.5]], found)


def test_a_file_that_is_no_detector_is_one_sentence(tmp_path, yunet):
    with pytest.raises(ValueError, match=r"away\.onnx: there is no such detector; it is a YuNet in ONNX, as face_"):
        Detector(tmp_path / "away.onnx")
    (tmp_path / "text.onnx").write_text("not a network")
    with pytest.raises(ValueError, match=r"text\.onnx is no YuNet in ONNX that OpenCV can run: "):
        Detector(tmp_path / "text.onnx")
    graph = onnx.load(yunet)
    del graph.graph.output[:]
    graph.graph.output.append(helper.make_tensor_value_info("brightness", TensorProto.FLOAT, [1, 1, "height", "width"]))
    onnx.save(graph, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match=r"other\.onnx is no YuNet in ONNX that OpenCV can run: "):
        Detector(tmp_path / "other.onnx")


def test_predict_looks_where_the_detector_sees_faces_and_says_where_it_sees_none(tmp_path, yunet, model_folder, capsys):
    folder = tmp_path / "photos"
    folder.mkdir()
    cv2.imwrite(str(folder / "none.png"), picture())
    cv2.imwrite(str(folder / "two.png"), picture((40, 40), (200, 120)))
    main([folder], str(model_folder), tmp_path / "out", detector=yunet)
    said = capsys.readouterr().out
    assert "predict: 2 pictures, faces that the detector sees; " in said
    assert "a detector draws boxes in its own way: each face is looked at again around its landmarks" in said
    assert "left out: photos/none.png: the detector sees no face on it" in said
    assert "predict: 2 faces on 1 pictures, " in said
    assert 2 == passes_in(tmp_path / "out")


def test_a_number_of_passes_that_was_asked_for_is_kept(tmp_path, yunet, model_folder):
    cv2.imwrite(str(tmp_path / "one.png"), picture((40, 40)))
    main([tmp_path / "one.png"], str(model_folder), tmp_path / "out", detector=yunet, passes=1)
    assert 1 == passes_in(tmp_path / "out")


def test_a_model_that_cannot_look_again_looks_once(tmp_path, yunet, model_folder):
    annotated = tmp_path / "annotated"
    shutil.copytree(model_folder, annotated)
    config = annotated / "model.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"box": "annotated"}))
    cv2.imwrite(str(tmp_path / "one.png"), picture((40, 40)))
    main([tmp_path / "one.png"], str(annotated), tmp_path / "out", detector=yunet)
    assert 1 == passes_in(tmp_path / "out")


def passes_in(out: Path) -> int:
    return json.loads((out / "summary.json").read_text())["passes"]
