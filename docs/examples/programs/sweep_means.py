"""Print the mean latency of a sweep's settings, from its `table.parquet`."""

import sys

import duckdb

means = 'SELECT "fleet.count", avg("unlock.p95_s") FROM read_parquet($table) GROUP BY ALL'
print(duckdb.sql(means, params={"table": sys.argv[1]}))
