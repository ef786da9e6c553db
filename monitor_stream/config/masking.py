"""Settings as they may be printed: without passwords."""

from __future__ import annotations

import re
from typing import Any, Final

from monitor_stream.config.fields import settings
from monitor_stream.settings import Settings

MASK: Final = "***"


def masked(loaded: Settings) -> dict[str, Any]:
    """Every setting by its name, secrets cut out.

    >>> masked(Settings(redis="redis://monitor:hunter2@10.0.0.7:6379/0"))["redis"]
    'redis://monitor:***@10.0.0.7:6379/0'
    >>> masked(Settings(kafka_sasl_password="hunter2"))["kafka_sasl_password"]
    '***'
    """
    values = {name: getattr(loaded, name) for name in settings()}
    return {name: mask(value) if settings()[name].secret else value for name, value in values.items()}


def mask(secret: str) -> str:
    """The password of a URL replaced; anything else, unless empty, replaced as a whole."""
    if "://" in secret:
        # Up to the last @: a password may hold any character, quoted or not. redis-py reads ?password= too.
        without = re.sub(r"(?<=://)([^:@/]*):(.*)@", rf"\1:{MASK}@", secret)
        return re.sub(r"([?&]password=)[^&]*", rf"\1{MASK}", without)
    return MASK if secret else ""
