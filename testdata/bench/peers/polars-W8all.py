import sys

import polars as pl

VISITS = {"page": pl.String, "clicks": pl.Int64, "minutes": pl.Float64, "like": pl.Int64, "ts": pl.Int64}
heat = (0.8 * pl.col("clicks") + 0.8 * pl.col("minutes") + pl.col("like")).sum().alias("heat")
(pl.scan_ndjson(sys.argv[1], schema=VISITS)
 .group_by("page").agg(heat).select(pl.len().alias("count"), pl.col("heat").sum().alias("sum_heat"))
 .collect(engine="streaming").write_ndjson(sys.stdout.buffer))
