import sys

import polars as pl

VISITS = {"page": pl.String, "clicks": pl.Int64, "minutes": pl.Float64, "like": pl.Int64, "ts": pl.Int64}
(pl.scan_ndjson(sys.argv[1], schema=VISITS)
 .group_by((pl.col("ts") // 60000 * 60000).alias("start"), "page")
 .agg(pl.len().alias("count"), pl.col("clicks").sum().alias("sum_clicks")).sort("start", "page")
 .collect(engine="streaming").write_ndjson(sys.stdout.buffer))
