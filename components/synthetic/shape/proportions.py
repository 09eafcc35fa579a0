"""Where the mean face has its features: places on the chart, cm from the point between the eyes, x to the side, y down.

Skull, features, expressions, landmarks and painters all read them here, so that a lip's relief, its colour and its
landmarks cannot part.
"""

from __future__ import annotations

EYE_X, EYE_Y = 3.15, 0.0  # the middle of an eye
EYE_HALF = 1.55  # half the width of its opening
IRIS_RADIUS = 0.66
BROW_INNER, BROW_OUTER = 1.15, 5.05  # x of a brow's ends
NOSE_BASE = 5.3  # where the nose ends and the lower third of the face begins
# The mouth's opening is the one strip of the chart's cells between these two rows.
UPPER_LIP_ROW, LOWER_LIP_ROW = 7.17, 7.23
MOUTH_Y = 0.5 * (UPPER_LIP_ROW + LOWER_LIP_ROW)
MOUTH_HALF = 2.5  # half the width of the mouth, lips and all
INNER_CORNER = 2.15  # half the width of its inside
TOP, CHIN = -12.3, 11.6  # the ends of the head
