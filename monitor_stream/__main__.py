"""`python -m monitor_stream` is `monitor-stream`."""

from monitor_stream.cli import main

if __name__ == "__main__":
    main()
