"""Metrics: errors normalised and summed up under a named protocol; audited before anybody reads them."""

from components.metrics.audit import Evidence, audit
from components.metrics.curves import auc, ced, failure_rate
from components.metrics.errors import landmark_errors, nme
from components.metrics.fitting import check_protocol, misfit
from components.metrics.hidden import summarise_hidden
from components.metrics.paired import Difference
from components.metrics.protocols import Protocol
from components.metrics.published import PROTOCOLS
from components.metrics.selective import calibration, risk_by_coverage, summarise_expected
from components.metrics.summary import summarise
from components.metrics.uncertainty import bootstrap_difference, bootstrap_interval, crossed_interval, share_interval

__all__ = [
    "PROTOCOLS",
    "Difference",
    "Evidence",
    "Protocol",
    "auc",
    "audit",
    "bootstrap_difference",
    "bootstrap_interval",
    "calibration",
    "ced",
    "check_protocol",
    "crossed_interval",
    "failure_rate",
    "landmark_errors",
    "misfit",
    "nme",
    "risk_by_coverage",
    "share_interval",
    "summarise",
    "summarise_expected",
    "summarise_hidden",
]
