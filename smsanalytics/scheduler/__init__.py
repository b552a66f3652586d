"""Reports at their times: made, delivered, and delivered again where that failed."""
