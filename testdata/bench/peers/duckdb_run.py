"""Runs the SQL of one work in DuckDB: duckdb_run.py WORK.sql INPUT."""
import sys

import duckdb

query = open(sys.argv[1]).read().replace("$INPUT", sys.argv[2].replace("'", "''"))
duckdb.connect().execute(query)
