"""What operators ask of a store and a collector: `check`, `doctor`, `status`, replay of refused callbacks."""
