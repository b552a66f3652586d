"""Stored messages as pandas frames, by hand."""

import pandas as pd

from smsanalytics.metrics.messages import STORED


def stored(**columns):
    """One message as a pandas frame of stored columns; what is not given is missing."""
    frame = pd.DataFrame([dict.fromkeys(STORED) | {"hlr": False, "test_mode": False} | columns])
    for name in frame.columns:
        if name.endswith("_at"):
            frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
        elif name.endswith("_code") or name == "type":
            frame[name] = frame[name].astype("Int64")
    return frame


def code(status, err=None):
    return (status + 129) * 2**16 + (0 if err is None else err + 1)
