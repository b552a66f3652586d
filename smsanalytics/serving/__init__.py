"""Runs the collector: its processes, from start to stop, and the listener for your own systems."""
