"""
How fast the store is at the size of a large customer: a month of a million messages a day.

``python -m benchmarks.store`` makes such a month, publishes and folds it day by day as the maintenance does, and asks
it questions beside SQL written by hand over the same files, raw events, pandas and Polars. All must answer the same.
"""
