"""The public listener: from the bytes of a request to its answer. Small, and never runs a query."""
