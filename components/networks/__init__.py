"""Networks: crops -> maps. A network is one file and one line here.

`NETWORKS[name](**params)` is a frozen configuration; its `build` makes the module, which gives heatmaps and, where a head
follows, its last feature. `stride`, `features` and `decimal_features` are what the codec and the head must fit, and
`conv_std` is the deviation that the convolutions of both start at, or None for PyTorch's own start.
"""

from components.networks.fan import Fan
from components.networks.hourglass import Hourglass
from components.networks.unet import UNet

Network = Fan | Hourglass | UNet

NETWORKS: dict[str, type[Network]] = {
    "fan": Fan,
    "hourglass": Hourglass,
    "unet": UNet,
}

__all__ = ["NETWORKS", "Fan", "Hourglass", "Network", "UNet"]
