"""Drawn faces with exact landmarks: a 3-D head, lit and pictured, in the markups `ibug68` and `wflw98`."""

from components.synthetic.face import SUBSETS, DrawnFace, draw_face
from components.synthetic.sheet import contact_sheet

__all__ = ["SUBSETS", "DrawnFace", "contact_sheet", "draw_face"]
