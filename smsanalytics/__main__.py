"""``python -m smsanalytics``."""

from smsanalytics.cli import main

main()
