"""What the monitor keeps for longer: records as Parquet files, written and read beside each other.

A line goes into a write-ahead file first, and survives the death of the process from there on.
Later the keeper, a process of its own, makes a Parquet file of it, sorted by car. Whoever reads
looks at both, and takes no lock: files appear whole, under names that say what is in them.
"""
