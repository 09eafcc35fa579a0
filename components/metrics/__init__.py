"""Metrics: errors in image px, normalised and summed up under a named protocol."""

from components.metrics.curves import auc, ced, failure_rate
from components.metrics.errors import landmark_errors, nme
from components.metrics.protocols import PROTOCOLS, Protocol
from components.metrics.summary import summarise
from components.metrics.uncertainty import bootstrap_interval

__all__ = [
    "PROTOCOLS",
    "Protocol",
    "auc",
    "bootstrap_interval",
    "ced",
    "failure_rate",
    "landmark_errors",
    "nme",
    "summarise",
]
