"""What a server says of its model and of faces."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.serving.model import Model


@pytest.mark.parametrize(
    ("what", "name", "version"),
    [("heatmark-demo version 3", "heatmark-demo", "3"), ("run 0123abc", "run 0123abc", None), ("model", "model", None)],
)
def test_a_registered_version_has_a_name_and_a_number_and_others_a_name(answering, what, name, version):
    assert {"name": name, "version": version} == answering._replace(what=what).named


def test_a_registrys_tags_are_told_and_numbers_as_numbers(answering):
    tags = {"model": "x version 1", "data_version": "abc", "test_nme": "0.031000", "test_nme_interval": "0.02 to 0.04"}
    told = answering._replace(facts=tags).told()
    assert ("abc", 0.031, [0.02, 0.04]) == (told["data_version"], told["test_nme"], told["test_nme_interval"])
    assert "model" not in told


def test_an_answer_has_a_face_for_each_box_and_plain_numbers(answering, drawn):
    faces = answering.model.find(drawn[0], [[20, 24.5, 101, 110], [25, 25, 96, 105]])
    told = answering.answer(faces)["faces"]
    assert [[20, 24.5, 101, 110], [25, 25, 96, 105]] == [face["box"] for face in told]
    assert [68, 68] == [len(face["landmarks"]) for face in told]
    assert {float} == {type(side) for face in told for landmark in face["landmarks"] for side in landmark}


def test_which_landmarks_are_visible_is_told_where_the_model_knows(answering, seeing, drawn):
    box = [[20, 24.5, 101, 110]]
    knowing = answering._replace(model=Model(seeing))
    (face,) = knowing.answer(knowing.model.find(drawn[0], box))["faces"]
    np.testing.assert_allclose(seeing.find([drawn[0]], np.array(box)).visible[0], face["visible"], atol=1e-4)
    (face,) = answering.answer(answering.model.find(drawn[0], box))["faces"]
    assert face["visible"] is None
