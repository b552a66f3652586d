"""From the bytes of a callback to verified fields under our own names; knows the provider's protocol and nothing else."""
