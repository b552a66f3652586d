"""Questions to a store: each an answer in pandas, over a period in a time zone."""
