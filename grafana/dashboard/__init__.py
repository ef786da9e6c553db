"""Dashboards, made by Python from the metric catalogue. `make generate` writes them to grafana/dashboards/.

The classic schema: Grafana's file provisioning takes no other, and newer versions migrate it on load.
"""

from __future__ import annotations

import json

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.dashboard import fleet


def render_all() -> dict[str, str]:
    """Each dashboard's JSON by its file's name, which is its uid."""
    dashboards = [fleet.build()]
    return {
        f"{dashboard.uid}.json": json.dumps(dashboard, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for dashboard in dashboards
    }
