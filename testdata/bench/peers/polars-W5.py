import sys

import polars as pl

REQUESTS = {"ip": pl.String, "path": pl.String, "status": pl.Int32}
pl.scan_ndjson(sys.argv[1], schema=REQUESTS).filter(pl.col("status") >= 400).sink_ndjson(sys.stdout.buffer)
