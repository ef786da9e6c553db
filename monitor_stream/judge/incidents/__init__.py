"""Incidents: what a person should know, one for one change."""

from monitor_stream.judge.incidents.incidents import MAX_EVIDENCE, MAX_RESOLVED, Incidents, IncidentsState

__all__ = ["MAX_EVIDENCE", "MAX_RESOLVED", "Incidents", "IncidentsState"]
