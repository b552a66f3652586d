"""The disk: the journal, the Parquet files, their names, columns and durability, and DuckDB."""
