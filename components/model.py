"""Network and codec in one: pictures with boxes in, landmarks with a confidence out. Saved as safetensors and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from components.codecs import CODECS, Codec, Decoded
from components.configuration import build, check_known
from components.crops import crop_affine, cut
from components.geometry import apply, invert
from components.losses import HEATMAP_LOSSES
from components.networks import NETWORKS, Network
from components.samples import Box
from components.schemes import Scheme

# ImageNet's channel means and deviations, as in HIH's released code.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
FORMAT = 1
# Faces per forward pass of `predict`: bounds its memory.
BATCH = 64
WEIGHTS, CONFIG = "model.safetensors", "model.json"


@dataclass(frozen=True)
class ModelConfig:
    """All that it takes to build a model, and to use it, without any other file.

    Attributes:
        scheme: The landmarks' scheme, whole: the model keeps a copy.
        codec: Codec, configured.
        network: Network, configured.
        heatmap_loss: Key in `HEATMAP_LOSSES`; says how the outputs are read.
        expand: Side of the crop in longer sides of the box.
        box: What the boxes are: "landmarks" or "annotated".
    """

    scheme: Scheme
    codec: Codec
    network: Network
    heatmap_loss: str
    expand: float
    box: str

    def to_dict(self) -> dict:
        """JSON-ready."""
        return {
            "format": FORMAT,
            "scheme": asdict(self.scheme),
            "codec": {"name": _key(CODECS, self.codec), **asdict(self.codec)},
            "network": {"name": _key(NETWORKS, self.network), **asdict(self.network)},
            "heatmap_loss": self.heatmap_loss,
            "expand": self.expand,
            "box": self.box,
        }

    @classmethod
    def from_dict(cls, fields: dict) -> ModelConfig:
        """The inverse of `to_dict`.

        Raises:
            ValueError: Written by a later version, or an unknown codec, network or loss.
        """
        if fields.get("format") != FORMAT:
            raise ValueError(f"model format {fields.get('format')!r}; this code reads format {FORMAT}")
        return cls(
            scheme=Scheme.from_dict(fields["scheme"]),
            codec=build(CODECS, "codec", fields["codec"]),
            network=build(NETWORKS, "network", fields["network"]),
            heatmap_loss=check_known(HEATMAP_LOSSES, "heatmap loss", fields["heatmap_loss"]),
            expand=fields["expand"],
            box=fields["box"],
        )


def _key(registry: dict, thing: object) -> str:
    return next(name for name, made in registry.items() if type(thing) is made)


class LandmarkModel(nn.Module):
    """A network with its codec.

    Raises:
        ValueError: The network's maps are not the codec's (stride, sizes).
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.network.stride != config.codec.stride:
            raise ValueError(f"the network's stride is {config.network.stride}, the codec's {config.codec.stride}")
        self.config = config
        self.network = config.network.build(config.scheme.num_landmarks, config.codec.crop, config.codec.head)
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None] * 255, persistent=False)
        self.register_buffer("std", torch.tensor(STD)[:, None, None] * 255, persistent=False)

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Crops (N, 3, H, W) uint8 RGB -> the network's raw outputs."""
        return self.network((pixels.float() - self.mean) / self.std)

    def decode(self, outputs: dict[str, torch.Tensor], codec: Codec | None = None) -> Decoded:
        """Raw outputs -> landmarks (N, K, 2), crop px, and confidence (N, K); read by the model's codec or another."""
        codec = codec or self.config.codec
        read = HEATMAP_LOSSES[self.config.heatmap_loss].read
        return codec.decode({**outputs, "heatmap": read(outputs["heatmap"][:, -1], codec.sigma)})

    @torch.no_grad()
    def predict_crops(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Crops (N, H, W, 3) uint8 RGB -> landmarks (N, K, 2) float32, crop px, and confidence (N, K) float32."""
        self.eval()
        batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).to(self.mean.device)
        decoded = self.decode(self(batch.contiguous()))
        return decoded.landmarks.cpu().numpy(), decoded.confidence.cpu().numpy()

    def predict(self, images: Sequence[np.ndarray] | np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """Finds the landmarks of one face per picture.

        Args:
            images: N pictures (H, W, 3) uint8 RGB, of any sizes.
            boxes: (N, 4), x0 y0 x1 y1, image px, drawn as `config.box` says.

        Returns:
            (N, K, 2) float32, (x, y), image px.

        Raises:
            ValueError: Shapes or types that are none of the above, or a box without area.
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images, but {len(boxes)} boxes")
        for image in images:
            if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
                raise ValueError(f"expected images (H, W, 3) uint8, got {image.shape} {image.dtype}")
        if not len(boxes):
            return np.zeros((0, self.config.scheme.num_landmarks, 2), np.float32)
        crop = self.config.codec.crop
        affines = np.stack([crop_affine(Box(*box), crop, self.config.expand) for box in boxes])
        crops = np.stack([cut(image, affine, crop) for image, affine in zip(images, affines, strict=True)])
        parts = [self.predict_crops(crops[first : first + BATCH])[0] for first in range(0, len(crops), BATCH)]
        return apply(invert(affines), np.concatenate(parts))

    def save(self, folder: Path) -> None:
        """Writes weights (safetensors, float32) and configuration (JSON) into an existing folder."""
        weights = {name: value.contiguous() for name, value in self.network.state_dict().items()}
        save_file(weights, folder / WEIGHTS)
        (folder / CONFIG).write_text(json.dumps(self.config.to_dict(), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path | str) -> LandmarkModel:
        """Reads what `save` wrote.

        Raises:
            ValueError: Files missing or not of this format.
        """
        folder = Path(folder)
        for name in (CONFIG, WEIGHTS):
            if not (folder / name).is_file():
                raise ValueError(f"{folder} holds no model: {name} is missing")
        try:
            model = cls(ModelConfig.from_dict(json.loads((folder / CONFIG).read_text(encoding="utf-8"))))
            model.network.load_state_dict(load_file(folder / WEIGHTS))
        except (KeyError, TypeError, RuntimeError, SafetensorError, json.JSONDecodeError) as error:
            raise ValueError(f"{folder} holds no model that can be used: {error}") from error
        return model.eval()


__all__ = ["CONFIG", "WEIGHTS", "LandmarkModel", "ModelConfig"]
