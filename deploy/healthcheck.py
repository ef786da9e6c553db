#!/usr/bin/env python3
"""Ask a URL whether its service is well: exit code 0 when it answers with a status below 400, else 1 and the reason.

What the service says of itself is in the reason: `docker inspect` shows it.

Slim images have no curl. Used by `deploy/Dockerfile` and `docker-compose.yml`:

    healthcheck http://127.0.0.1:8000/healthz
"""

import sys
import urllib.error
import urllib.request

TIMEOUT_SECONDS = 4.0
SHOWN_BYTES = 500


def main(url: str) -> int:
    """Return the exit code."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS):  # noqa: S310 the URL is the caller's own
            return 0
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(SHOWN_BYTES).decode(errors="replace").strip()
        sys.stderr.write(f"{url}: {error.code} {error.reason}: {said}\n")
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
