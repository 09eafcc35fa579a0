"""Networks: crops -> maps. A network is one file and one line here.

`NETWORKS[name](**params)` is a frozen configuration; its `build` makes the module.
"""

from components.networks.hourglass import Hourglass
from components.networks.unet import UNet

Network = Hourglass | UNet

NETWORKS: dict[str, type[Network]] = {
    "hourglass": Hourglass,
    "unet": UNet,
}

__all__ = ["NETWORKS", "Hourglass", "Network", "UNet"]
