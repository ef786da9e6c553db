"""A model's spec and reference profile, made from the rows it was trained or tested on."""

from monitor_stream.profile.profile import profile

__all__ = ["profile"]
