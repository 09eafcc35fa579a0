"""Which protocol fits which faces."""

from __future__ import annotations

from components.metrics.protocols import Protocol
from components.metrics.published import PROTOCOLS


def wrong_faces(protocol: Protocol, dataset: str, scheme: str) -> str:
    """What a protocol is for, if not for such faces; "" if it is for them."""
    if protocol.schemes and scheme not in protocol.schemes:
        return f"for scheme {' or '.join(protocol.schemes)}"
    if protocol.datasets and dataset not in protocol.datasets:
        return f"for dataset {' or '.join(protocol.datasets)}"
    return ""


def misfit(protocol: Protocol, dataset: str, scheme: str, box: str) -> str:
    """Why a protocol says nothing of predictions; "" if it does.

    Args:
        protocol: In question.
        dataset: Name of its reader.
        scheme: Of the landmarks, a name.
        box: That the model's crops were cut around.
    """
    reason = wrong_faces(protocol, dataset, scheme)
    if not reason and not protocol.as_published and protocol.box != box:
        reason = f"for crops around the {protocol.box} box"
    return reason


def more_than_landmarks(protocol: Protocol) -> str:
    """What keeps a protocol from validating a training; "" if nothing does."""
    if protocol.as_published:
        return "measures in its authors' crop"
    if protocol.needs_boxes:
        return "divides by the dataset's own boxes"
    return "" if protocol.mean == "labelled" else "counts unlabelled landmarks as without error"


def check_protocol(name: str, dataset: str, scheme: str, box: str) -> None:
    """Refuses a protocol that a training's validation and evaluation cannot measure.

    They measure labelled landmarks, in px of the picture; what takes more serves rescoring.

    Args:
        name: Key in `PROTOCOLS`.
        dataset: Name of its reader.
        scheme: Of the landmarks, a name.
        box: That crops are cut around.

    Raises:
        ValueError: With the reason, and the protocols that fit.
    """
    protocol = PROTOCOLS[name]
    if wrong_faces(protocol, dataset, scheme):
        reason = f"is {wrong_faces(protocol, dataset, scheme)}, not {dataset}'s {scheme}"
    elif more_than_landmarks(protocol):
        reason = f"{more_than_landmarks(protocol)} and serves rescoring only (`pipelines.rescore`)"
    elif protocol.box != box:
        reason = f"takes another box than preprocess.box {box!r}"
    else:
        return
    fitting = [
        other.name
        for other in PROTOCOLS.values()
        if not (misfit(other, dataset, scheme, box) or more_than_landmarks(other))
    ]
    raise ValueError(f"protocol {name!r} {reason}; those that fit: {', '.join(fitting)}")
