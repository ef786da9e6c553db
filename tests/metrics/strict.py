"""The strict reader of OpenMetrics, which refuses what a lenient server would take."""

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics import parser


def parse_openmetrics(page: bytes) -> list[Family]:
    return list(parser.text_string_to_metric_families(page.decode()))  # type: ignore[no-untyped-call]
