"""The servers that the collector is measured beside, each as its users would write it."""
