"""What people and Prometheus see: ``/metrics``, the API, the live page. It reads the results and never the state."""

from monitor_stream.server.run import Server, create_server, running, serve

__all__ = ["Server", "create_server", "running", "serve"]
