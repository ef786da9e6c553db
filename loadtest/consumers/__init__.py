"""The three consumers of the bench, one process each; each prints one JSON line, see `report`."""
