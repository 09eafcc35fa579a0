"""Lays hair over a picture, strand by strand of its texture."""

from __future__ import annotations

import numpy as np

from components.synthetic.camera import Camera
from components.synthetic.hair import Hair, grow, shade_hair
from components.synthetic.head import Head
from components.synthetic.light import Light
from components.synthetic.raster import Grid, Layer, lookup, rasterise
from components.synthetic.splines import smoothstep


class HairLayers:
    """Hair in front of this camera: what is seen of its inside, then of its outside; nothing on a bald head."""

    def __init__(self, head: Head, camera: Camera, light: Light, canvas: int) -> None:
        self.sheets: list[tuple[Layer, np.ndarray]] = []  # with (N, 4): RGB and cover
        self.depth = np.full((canvas, canvas), -1e3, dtype=np.float32)
        hair = grow(head.identity)
        if hair is None:
            return
        view = camera.view(hair.vertices)
        lighting = shade_hair(view, light, head.identity)
        for sides in ("back", "front") if hair.hangs else ("front",):
            layer = rasterise([Grid(camera.on_canvas(view), view[..., 2], sides)], canvas)
            colour = _strand_colour(layer, hair, lighting, head, light)
            self.sheets.append((layer, colour))
            self.depth = np.maximum(self.depth, layer.depth_map(colour[:, 3] > 0.5))

    def lay(self, picture: np.ndarray, depth: np.ndarray, lit: np.ndarray) -> np.ndarray:
        """Lays the hair that is in front of depth over a picture (h * w, 4); gives its cover (h, w)."""
        over = np.zeros(depth.size, dtype=np.float32)
        for layer, colour in self.sheets:
            front = layer.depth - depth.ravel()[layer.pixels]
            alpha = (colour[:, 3] * smoothstep(front, -0.15, 0.05)).astype(np.float32)
            source = colour * (0.45 + 0.55 * lit.ravel()[layer.pixels])[:, None]
            source[:, 3] = 1.0
            old = picture[layer.pixels]
            picture[layer.pixels] = old + (source - old) * alpha[:, None]
            over[layer.pixels] = np.maximum(over[layer.pixels], alpha)
        return over.reshape(depth.shape)


def _strand_colour(layer: Layer, hair: Hair, lighting: np.ndarray, head: Head, light: Light) -> np.ndarray:
    """(N, 4) float32: linear RGB and cover of a layer of hair."""
    scale = [(hair.texture.shape[i] - 1) / (lighting.shape[i] - 1) for i in (1, 0)]
    level, cover = lookup(hair.texture, layer.cells * np.array(scale, dtype=np.float32)).T
    lit = lookup(lighting, layer.cells)
    shine = ((0.10 + 0.5 * head.identity.hair) * light.key * 0.45).astype(np.float32)
    colour = lit[:, :3] * (level * level)[:, None] + (lit[:, 3] * level**3)[:, None] * shine
    inside = np.where(layer.back, np.float32(0.3), np.float32(1.0))[:, None]
    return np.concatenate([colour * inside, cover[:, None]], axis=1)
