"""Incidents: what a person should know, one for one change.

Findings become *looks* (`looks`), which wait until the clock has passed them (`held`), so that every run sees one order.
A *track* (`track`) follows one thing from look to look and says when it fires and when it is over. Tracks that fire
within one grouping time are one *incident* (`version`), which is said in a sentence or two (`summary`).
"""

from monitor_stream.judge.incidents.incidents import MAX_RESOLVED, Incidents
from monitor_stream.judge.incidents.version import MAX_EVIDENCE, Told

__all__ = ["MAX_EVIDENCE", "MAX_RESOLVED", "Incidents", "Told"]
