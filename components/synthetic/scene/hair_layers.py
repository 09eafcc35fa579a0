"""Lays hair over a picture, strand by strand of its texture."""

from __future__ import annotations

import numpy as np

from components.synthetic.paint.light import Light
from components.synthetic.paint.strands import shade_hair, strand_texture
from components.synthetic.scene.raster import Grid, Layer, lookup, rasterise
from components.synthetic.shape.camera import NOWHERE, Camera
from components.synthetic.shape.hair import grow
from components.synthetic.shape.head import Head
from components.synthetic.shape.person import Identity
from components.synthetic.shape.splines import smoothstep

_DENSE = 0.5  # cover from which hair throws a shadow
_SINKS_IN = (-0.15, 0.05)  # cm before the skin between which hair comes to hide it
_IN_SHADOW = 0.45  # how much of its light hair keeps there
_INSIDE = 0.3  # brightness of hair that is seen from within
_SHINE = 0.45  # strength of its highlight


class HairLayers:
    """Hair in front of this camera: what is seen of its inside, then of its outside; nothing on a bald head."""

    def __init__(self, head: Head, camera: Camera, light: Light, canvas: int) -> None:
        self.sheets: list[tuple[Layer, np.ndarray]] = []  # with (N, 4): RGB and cover
        self.depth = np.full((canvas, canvas), NOWHERE, dtype=np.float32)
        hair = grow(head.identity)
        if hair is None:
            return
        view = camera.view(hair.vertices)
        lighting = shade_hair(view, light, head.identity)
        texture = strand_texture(head.identity, hair.style)
        for sides in ("back", "front") if hair.hangs else ("front",):
            layer = rasterise([Grid(camera.on_canvas(view), view[..., 2], sides)], canvas)
            colour = _strand_colour(layer, texture, lighting, head.identity, light)
            self.sheets.append((layer, colour))
            self.depth = np.maximum(self.depth, layer.depth_map(colour[:, 3] > _DENSE))

    def lay(self, picture: np.ndarray, depth: np.ndarray, lit: np.ndarray) -> np.ndarray:
        """Lays the hair that is in front of depth over a picture (h * w, 4); gives its cover (h, w)."""
        over = np.zeros(depth.size, dtype=np.float32)
        for layer, colour in self.sheets:
            front = layer.depth - depth.ravel()[layer.pixels]
            alpha = (colour[:, 3] * smoothstep(front, *_SINKS_IN)).astype(np.float32)
            source = colour * (_IN_SHADOW + (1.0 - _IN_SHADOW) * lit.ravel()[layer.pixels])[:, None]
            source[:, 3] = 1.0
            old = picture[layer.pixels]
            picture[layer.pixels] = old + (source - old) * alpha[:, None]
            over[layer.pixels] = np.maximum(over[layer.pixels], alpha)
        return over.reshape(depth.shape)


def _strand_colour(
    layer: Layer, texture: np.ndarray, lighting: np.ndarray, identity: Identity, light: Light
) -> np.ndarray:
    """(N, 4) float32: linear RGB and cover of a layer of hair."""
    scale = [(texture.shape[i] - 1) / (lighting.shape[i] - 1) for i in (1, 0)]
    level, cover = lookup(texture, layer.cells * np.array(scale, dtype=np.float32)).T
    lit = lookup(lighting, layer.cells)
    shine = ((0.10 + 0.5 * identity.hair) * light.key * _SHINE).astype(np.float32)
    colour = lit[:, :3] * (level * level)[:, None] + (lit[:, 3] * level**3)[:, None] * shine
    inside = np.where(layer.back, np.float32(_INSIDE), np.float32(1.0))[:, None]
    return np.concatenate([colour * inside, cover[:, None]], axis=1)
