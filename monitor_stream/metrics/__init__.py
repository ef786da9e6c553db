"""What monitor-stream tells Prometheus: one catalogue, and two collectors that speak by it."""
