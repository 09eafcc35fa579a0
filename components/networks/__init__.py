"""Networks: crops -> maps. A network is one file and one line here.

`NETWORKS[name](**params)` is a frozen configuration; its `build` makes the module, with the `Head` that a codec asks for.
"""

from components.networks.fan import Fan
from components.networks.heads import HEADS, Head
from components.networks.hourglass import Hourglass
from components.networks.unet import UNet

Network = Fan | Hourglass | UNet

NETWORKS: dict[str, type[Network]] = {
    "fan": Fan,
    "hourglass": Hourglass,
    "unet": UNet,
}

__all__ = ["HEADS", "NETWORKS", "Fan", "Head", "Hourglass", "Network", "UNet"]
