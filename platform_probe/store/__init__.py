"""The monitor's long-term records as Parquet files, written and read at the same time.

A line goes into a write-ahead file first, and survives the death of the process from there on.
Later the keeper, a process of its own, makes a Parquet file of it, sorted by car. Readers look at
both, and lock nothing: files appear whole, under names that describe their contents.
"""
