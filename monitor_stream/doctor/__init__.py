"""What a worker needs to be true of its surroundings, checked one by one, each with what to do about it."""

from monitor_stream.doctor.examine import examine
from monitor_stream.doctor.finding import Finding

__all__ = ["Finding", "examine"]
