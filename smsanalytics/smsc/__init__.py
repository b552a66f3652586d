"""The provider's protocol: from the bytes of a callback to verified fields under our own names."""
