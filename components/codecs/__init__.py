"""Codecs: landmarks -> compact targets -> dense maps -> landmarks. A codec is one file and one line here.

`CODECS[name](**params)` and `dataclasses.asdict` are inverses. encode runs in numpy, in the data workers; render and
decode in torch, on the device. `DECODERS` are the ways to read one Gaussian.
"""

from components.codecs.decoders import DECODERS
from components.codecs.hih import Hih
from components.codecs.rounded import Rounded
from components.codecs.subpixel import Subpixel
from components.interfaces import Decoded

Codec = Hih | Rounded | Subpixel

CODECS: dict[str, type[Codec]] = {
    "hih": Hih,
    "rounded": Rounded,
    "subpixel": Subpixel,
}

__all__ = ["CODECS", "DECODERS", "Codec", "Decoded", "Hih", "Rounded", "Subpixel"]
