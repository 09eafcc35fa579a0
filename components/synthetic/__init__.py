"""Drawn faces with exact landmarks: a 3-D head, lit and pictured, in the markups `ibug68` and `wflw98`.

`shape` says where everything is, `paint` what colour it has, `scene` draws at random and puts it together. No length or
colour in here is measured on anyone: they were set by eye, on contact sheets. Every one of them decides drawn bytes.
"""

from components.synthetic.scene.face import SUBSETS, DrawnFace, draw_face
from components.synthetic.scene.sheet import contact_sheet

__all__ = ["SUBSETS", "DrawnFace", "contact_sheet", "draw_face"]
