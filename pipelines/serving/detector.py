"""A face detector of YuNet's kind, which the user supplies as an ONNX file: pictures in, boxes out.

OpenCV runs it (`cv2.FaceDetectorYN`). No weights come with this product, and none are fetched.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

# As the detector's own demonstration has them: github.com/opencv/opencv_zoo, models/face_detection_yunet.
SCORE, OVERLAP, MOST = 0.9, 0.3, 5000
# Longer side, px, to which larger pictures are reduced: it was trained on faces of 10 to 300 px.
LONGER_SIDE = 1024
X, Y, WIDTH, HEIGHT = range(4)


class Detector:
    """Finds faces.

    Args:
        path: An ONNX file with YuNet's outputs, as face_detection_yunet_2023mar.onnx of OpenCV's model zoo.

    Raises:
        ValueError: It is missing, or none.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ValueError(
                f"{path}: there is no such detector; it is a YuNet in ONNX, as face_detection_yunet_2023mar.onnx of OpenCV's "
                "model zoo (github.com/opencv/opencv_zoo), which nobody here downloads"
            )
        cv2.utils.logging.setLogLevel(
            cv2.utils.logging.LOG_LEVEL_SILENT
        )  # it speaks of its own choices; what fails is raised
        try:
            self._yunet = cv2.FaceDetectorYN.create(str(path), "", (320, 320), SCORE, OVERLAP, MOST)
            self._detect(np.zeros((320, 320, 3), np.uint8))  # another network is read without a word, and fails here
        except cv2.error as error:
            raise ValueError(f"{path} is no YuNet in ONNX that OpenCV can run: {error.err or error}") from error

    def boxes(self, picture: np.ndarray) -> np.ndarray:
        """Boxes of the faces on a picture (H, W, 3) uint8 RGB: (F, 4) float64, x0 y0 x1 y1, image px, the surest first."""
        height, width = picture.shape[:2]
        scale = min(1.0, LONGER_SIDE / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        reduced = picture if scale == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        found = self._detect(reduced)
        corners = np.stack(
            [found[:, X], found[:, Y], found[:, X] + found[:, WIDTH], found[:, Y] + found[:, HEIGHT]], axis=1
        )
        # The detector counts from a picture's edge, and pixel centres are at integers here.
        back = np.array([width / size[0], height / size[1]] * 2)
        return corners.astype(np.float64) * back - 0.5

    def _detect(self, picture: np.ndarray) -> np.ndarray:
        """(F, 15): x, y, width, height, five landmarks, score."""
        self._yunet.setInputSize((picture.shape[1], picture.shape[0]))
        _, found = self._yunet.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return np.zeros((0, 15), np.float32) if found is None else found
