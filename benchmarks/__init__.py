"""Measurements, each written to ``results/<name>.json`` with the conditions it was made under."""
