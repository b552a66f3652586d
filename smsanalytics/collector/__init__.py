"""HTTP: requests, answers and limits. Small, and never runs a query."""
