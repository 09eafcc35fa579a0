"""Network, head and codec in one: pictures with boxes in, landmarks out, and how sure each is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from components.calibration import ExpectedError
from components.codecs import CODECS, Codec
from components.configuration import build, check_known, checked, configure, shortened
from components.crops import crop_affine, cut
from components.geometry import apply, invert, mirror
from components.heads import HEADS, HeadModule
from components.heads.base import Sizes
from components.heads.visibility import VisibilityHead
from components.interfaces import Decoded
from components.layers import draw_convolutions, flatten_first_maps
from components.limits import Range, check_parameters, check_range
from components.losses import HEATMAP_LOSSES
from components.model_file import CHECKSUM, CONFIG, WEIGHTS, read_fields, read_weights, write
from components.networks import NETWORKS, Network
from components.samples import Box
from components.schemes import Scheme

# ImageNet's channel means and deviations, as in HIH's released code.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# What `save` writes. Former formats are read too: which one brought a field that they had not.
FORMAT = 4
SINCE = {"mirror_offset": 2, "expected_error": 3, "visibility": 4}
# Faces per forward pass of `find`: bounds its memory.
BATCH = 64
# Root mean square of the first maps, in that of the targets, under losses of the maps themselves: noise is a hundredth of the
# first loss. At 150 steps of mean squares (docs/log.md), validation NME is 6.3% by this, 6.5% by 0.25, 24% by 1, and 111% as
# PyTorch starts.
FIRST_MAPS = 0.1
# Among a model's weights, those of the head, and of what says which landmarks are visible, are named so.
HEAD, VISIBILITY = "decimal.", "visibility."

BOXES = ("annotated", "landmarks")
EXPAND = Range(0.01, 100, "the crop's side in longer sides of the box; published ones are from 1 to 2")
LANDMARKS = Range(1, 1000, "the densest public markups have a few hundred")
MIRROR_OFFSET = Range(-100, 100, "crop px; annotators err by about one")


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
        mirror_offset: How far right of what the network says the landmarks are, crop px. A network that is trained on
            mirrored faces too cannot learn that all faces are annotated a little to one side.
        expected_error: Which error is to be expected at which confidence; None where nobody has measured that.
        visibility: Whether it says which landmarks are visible.

    Raises:
        ValueError: An unknown loss or box, a number out of its bounds, or errors expected of other landmarks.
    """

    scheme: Scheme
    codec: Codec
    network: Network
    heatmap_loss: str
    expand: float
    box: str
    mirror_offset: float = 0.0
    expected_error: ExpectedError | None = None
    visibility: bool = False

    def __post_init__(self) -> None:
        check_known(HEATMAP_LOSSES, "heatmap loss", self.heatmap_loss)
        check_known(BOXES, "box", self.box)
        check_range("expand", self.expand, EXPAND)
        check_range("mirror_offset", self.mirror_offset, MIRROR_OFFSET)
        check_range("the number of landmarks", self.scheme.num_landmarks, LANDMARKS)
        if self.expected_error and len(self.expected_error.factor) != self.scheme.num_landmarks:
            raise ValueError(
                f"expected_error: factor has {len(self.expected_error.factor)} values: expected one for each of the "
                f"{self.scheme.num_landmarks} landmarks"
            )

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
            "mirror_offset": self.mirror_offset,
            "expected_error": asdict(self.expected_error) if self.expected_error else None,
            "visibility": self.visibility,
        }

    @classmethod
    def from_dict(cls, fields: object) -> ModelConfig:
        """The inverse of `to_dict`.

        Raises:
            ValueError: Of another shape, written by a later version, or an unknown codec, network or loss.
        """
        if not isinstance(fields, dict):
            raise ValueError(f"expected the fields of a model, got {shortened(fields)}")
        if type(fields.get("format")) is not int or not 1 <= fields["format"] <= FORMAT:
            raise ValueError(f"model format {shortened(fields.get('format'))}; this code reads formats 1 to {FORMAT}")
        known = {"format", *(name for name in cls.__dataclass_fields__ if SINCE.get(name, 1) <= fields["format"])}
        if set(fields) != known:
            missing, unknown = sorted(known - set(fields)), shortened(sorted(set(fields) - known))
            raise ValueError(
                f"the fields of a model lack {', '.join(missing) or 'nothing'}, and {unknown} are not known"
            )
        return cls(
            scheme=Scheme.from_dict(fields["scheme"]),
            codec=build(CODECS, "codec", fields["codec"]),
            network=build(NETWORKS, "network", fields["network"]),
            heatmap_loss=checked(fields["heatmap_loss"], str, "heatmap_loss"),
            expand=checked(fields["expand"], float, "expand"),
            box=checked(fields["box"], str, "box"),
            mirror_offset=checked(fields.get("mirror_offset", 0.0), float, "mirror_offset"),
            expected_error=_expected_error(fields.get("expected_error")),
            visibility=checked(fields.get("visibility", False), bool, "visibility"),
        )

    def expected(self, confidence: np.ndarray) -> np.ndarray:
        """The error (N, K) to be expected at a confidence (N, K), as in `Found`."""
        if self.expected_error is None:
            return unsaid(confidence)
        return self.expected_error.at(confidence)


def _expected_error(fields: object) -> ExpectedError | None:
    return None if fields is None else configure(ExpectedError, "expected_error", fields)


def _key(registry: dict, thing: object) -> str:
    return next(name for name, made in registry.items() if type(thing) is made)


class Found(NamedTuple):
    """What a model finds.

    Attributes:
        landmarks: (N, K, 2) float32, (x, y).
        confidence: (N, K) float32, 0 to 1; comparable within one model only.
        expected_error: (N, K) float32, how far off each landmark is to be expected, in % of the normaliser of the protocol
            that the model's `expected_error` names; NaN where the model does not know. A face's is the mean of its landmarks'.
        visible: (N, K) float32, the probability that each landmark is visible, 0 to 1; NaN where the model did not learn it.
    """

    landmarks: np.ndarray
    confidence: np.ndarray
    expected_error: np.ndarray
    visible: np.ndarray


class LandmarkModel(nn.Module):
    """A network with its head, if its codec asks for one, and the codec.

    Attributes:
        config: What it is made of.
        network: Crops -> heatmaps and, with either head, its last feature.
        head: That feature -> what is said beside the heatmaps; or None.
        visibility: That feature and the maps -> which landmarks are visible; or None.

    Raises:
        ValueError: The parts do not fit each other (stride, sizes), or the network is larger than `limits` allows.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.network.stride != config.codec.stride:
            raise ValueError(f"the network's stride is {config.network.stride}, the codec's {config.codec.stride}")
        with torch.device("meta"):  # counted before any memory is taken
            parts = nn.ModuleList(part for part in _parts(config) if part is not None)
        check_parameters(sum(value.numel() for value in parts.parameters()), "a network")
        self.config = config
        self.network, self.head = _parts(config)
        if config.network.conv_std is not None:
            draw_convolutions(self, config.network.conv_std)
        elif HEATMAP_LOSSES[config.heatmap_loss].as_drawn:
            # PyTorch's own start is noise of about 0.5, the targets' mean square is 1 in a thousand: the first steps would
            # do nothing but press the maps to 0, the features below them with it, and leave Adam with a memory of
            # gradients two hundred times those of what is left to learn (docs/log.md).
            for layer in self.network.heatmap_layers:
                flatten_first_maps(layer, FIRST_MAPS * config.codec.target_rms)
        self.visibility: VisibilityHead | None = None
        if config.visibility:
            self.network.with_feature = (
                True  # rather than built so: what no gradient reaches without a head stays frozen
            )
            self.visibility = VisibilityHead(config.network.features, config.scheme.num_landmarks)
        # Multiplied by numpy: where torch multiplies without memory, it imports its compiler first, for two seconds.
        for name, value in (("mean", MEAN), ("std", STD)):
            self.register_buffer(name, torch.tensor(np.array(value, np.float32) * 255)[:, None, None], persistent=False)

    def forward(self, pixels: torch.Tensor) -> dict[str, torch.Tensor]:
        """Crops (N, 3, H, W) uint8 RGB -> heatmap (N, S, K, h, w), under the head's `output` what it says, and visibility (N, K)."""
        outputs = self.network((pixels.float() - self.mean) / self.std)
        said = {"heatmap": outputs["heatmap"]}
        if self.head is not None:
            said[self.head.output] = self.head(outputs["feature"])
        if self.visibility is not None:
            said["visibility"] = self.visibility(outputs["feature"], self._maps(outputs, self.config.codec.sigma))
        return said

    def _maps(self, outputs: dict[str, torch.Tensor], sigma: float) -> torch.Tensor:
        return HEATMAP_LOSSES[self.config.heatmap_loss].read(outputs["heatmap"][:, -1], sigma)

    def read(self, outputs: dict[str, torch.Tensor], sigma: float) -> dict[str, torch.Tensor]:
        """Raw outputs -> maps as a codec of this sigma draws them, of the last stack: what `codec.decode` takes."""
        return {"heatmap": self._maps(outputs, sigma), **(self.head.read(outputs) if self.head else {})}

    def decode(self, outputs: dict[str, torch.Tensor], codec: Codec | None = None) -> Decoded:
        """Raw outputs -> landmarks (N, K, 2), crop px, and confidence (N, K); read by the model's codec or another."""
        codec = codec or self.config.codec
        return codec.decode(self.read(outputs, codec.sigma))

    @torch.no_grad()
    def predict_crops(self, pixels: np.ndarray, mirrored: bool = False) -> Found:
        """Crops (N, H, W, 3) uint8 RGB -> landmarks, crop px, and their confidence.

        With `mirrored`, the means of what is said of the crop and of its mirror image, at twice the work; the error that is
        expected is then still that of an answer without its mirror image, which errs a little more.

        Raises:
            ValueError: What the network says is not finite.
        """
        self.eval()
        batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).to(self.mean.device)
        landmarks, confidence, visible = self._find_on_crops(batch.contiguous())
        if mirrored:
            other, flip = self._find_on_crops(batch.flip(-1).contiguous()), list(self.config.scheme.flip)
            landmarks = (landmarks + mirror(other[0], self.config.codec.crop)[:, flip]) / 2
            confidence, visible = (
                (one + two[:, flip]) / 2 for one, two in ((confidence, other[1]), (visible, other[2]))
            )
        moved = landmarks + np.array([self.config.mirror_offset, 0], np.float32)
        return Found(moved, confidence, self.config.expected(confidence), visible)

    def _find_on_crops(self, batch: torch.Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Crops (N, 3, H, W) -> landmarks as the network says them, crop px, their confidence, and how likely they are visible."""
        outputs = self(batch)
        _check_finite(outputs)
        decoded = self.decode(outputs)
        confidence = decoded.confidence.cpu().numpy()
        visible = outputs["visibility"].float().sigmoid().cpu().numpy() if self.visibility else unsaid(confidence)
        return decoded.landmarks.cpu().numpy(), confidence, visible

    def find(self, images: Sequence[np.ndarray] | np.ndarray, boxes: np.ndarray) -> Found:
        """Finds the landmarks of one face per picture, in image px, and how sure each is.

        Args:
            images: N pictures (H, W, 3) uint8 RGB, of any sizes.
            boxes: (N, 4), x0 y0 x1 y1, image px, drawn as `config.box` says.

        Raises:
            ValueError: Shapes or types that are none of the above, a box without area, or outputs that are not finite.
        """
        return find_faces(self.predict_crops, self.config, images, boxes)

    def predict(self, images: Sequence[np.ndarray] | np.ndarray, boxes: np.ndarray) -> np.ndarray:
        """The landmarks alone that `find` finds: (N, K, 2) float32, (x, y), image px."""
        return self.find(images, boxes).landmarks

    def weights(self) -> dict[str, torch.Tensor]:
        """All weights by name, flat: the network's by its own names, the heads' as decimal.NAME and visibility.NAME."""
        heads = {HEAD: self.head, VISIBILITY: self.visibility}
        said = {
            prefix + name: value for prefix, head in heads.items() if head for name, value in head.state_dict().items()
        }
        return {**self.network.state_dict(), **said}

    def load_weights(self, weights: dict[str, torch.Tensor]) -> None:
        """Takes what `weights` of an equal model gave; visibility that one of the two has alone is passed over."""
        parts = {prefix: _below(prefix, weights) for prefix in (HEAD, VISIBILITY)}
        self.network.load_state_dict(
            {name: value for name, value in weights.items() if not name.startswith((HEAD, VISIBILITY))}
        )
        if self.head is not None:
            self.head.load_state_dict(parts[HEAD])
        if self.visibility is not None and parts[VISIBILITY]:
            self.visibility.load_state_dict(parts[VISIBILITY])

    def learnt_apart(self) -> list[list[nn.Parameter]]:
        """All parameters, in the groups that know nothing of each other's gradients."""
        apart = [] if self.visibility is None else list(self.visibility.parameters())
        own = {id(value) for value in apart}
        return [[value for value in self.parameters() if id(value) not in own], *([apart] if apart else [])]

    def under(self, config: ModelConfig) -> LandmarkModel:
        """A model of the same weights that is read, or moves its answers, in another way; on the CPU."""
        other = LandmarkModel(config)
        other.load_weights(self.weights())
        return other.eval()

    def save(self, folder: Path) -> None:
        """Writes weights (safetensors, float32) and configuration (JSON) into an existing folder."""
        write(folder, self.config.to_dict(), self.weights())

    @classmethod
    def load(cls, folder: Path | str) -> LandmarkModel:
        """Reads what `save` wrote.

        Raises:
            ValueError: Files missing, damaged or not of this format.
        """
        folder = Path(folder)
        fields = read_fields(folder)
        checksum = fields.pop(CHECKSUM, None) if isinstance(fields, dict) else None
        model = cls(ModelConfig.from_dict(fields))
        model.load_weights(read_weights(folder, checksum, model.weights()))
        return model.eval()


def find_faces(
    predict_crops: Callable[[np.ndarray], Found],
    config: ModelConfig,
    images: Sequence[np.ndarray] | np.ndarray,
    boxes: np.ndarray,
) -> Found:
    """What `LandmarkModel.find` does, by whatever finds landmarks (N, K, 2), crop px, on crops (N, H, W, 3) uint8 RGB."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if len(images) != len(boxes):
        raise ValueError(f"{len(images)} images, but {len(boxes)} boxes")
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(f"expected images (H, W, 3) uint8, got {image.shape} {image.dtype}")
    if not len(boxes):
        nothing = np.zeros((0, config.scheme.num_landmarks), np.float32)
        return Found(np.zeros((*nothing.shape, 2), np.float32), nothing, nothing, nothing)
    crop = config.codec.crop
    affines = np.stack([crop_affine(Box(*box), crop, config.expand) for box in boxes])
    crops = np.stack([cut(image, affine, crop) for image, affine in zip(images, affines, strict=True)])
    parts = [predict_crops(crops[first : first + BATCH]) for first in range(0, len(crops), BATCH)]
    found = Found(*(np.concatenate(each) for each in zip(*parts, strict=True)))
    return found._replace(landmarks=apply(invert(affines), found.landmarks))


def unsaid(confidence: np.ndarray) -> np.ndarray:
    """What `Found` has of landmarks, beside their confidence (N, K), that the model does not know."""
    return np.full(confidence.shape, np.nan, np.float32)


def _below(prefix: str, weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}


def _parts(config: ModelConfig) -> tuple[nn.Module, HeadModule | None]:
    """The network and the head that the codec asks for."""
    asked, network, num_landmarks = config.codec.head, config.network, config.scheme.num_landmarks
    module = network.build(num_landmarks, config.codec.crop, with_feature=asked is not None)
    if asked is None:
        return module, None
    sizes = Sizes(
        features=network.features,
        hidden=network.decimal_features,
        num_landmarks=num_landmarks,
        side=config.codec.side,
        decimal=asked.decimal,
    )
    return module, HEADS[check_known(HEADS, "head", asked.kind)](sizes)


def _check_finite(outputs: dict[str, torch.Tensor]) -> None:
    finite = torch.stack([value.flatten(1).isfinite().all(1) for value in outputs.values()]).all(0)
    if not finite.all():
        raise ValueError(
            f"the network's outputs are not finite for {int((~finite).sum())} of {len(finite)} faces: "
            "its weights are damaged, or its training went astray"
        )


__all__ = ["CONFIG", "WEIGHTS", "Found", "LandmarkModel", "ModelConfig", "find_faces", "unsaid"]
