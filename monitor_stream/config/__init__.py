"""Settings from a file, the environment and flags, and what is made of them."""

from monitor_stream.config.kafka import Security, confluent_config
from monitor_stream.config.load import load_settings, to_environment
from monitor_stream.config.masking import masked

__all__ = ["Security", "confluent_config", "load_settings", "masked", "to_environment"]
