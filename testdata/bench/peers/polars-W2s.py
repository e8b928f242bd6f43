import sys

import polars as pl

VISITS = {"page": pl.String, "clicks": pl.Int64, "minutes": pl.Float64, "like": pl.Int64, "ts": pl.Int64}
minutes = (pl.scan_ndjson(sys.argv[1], schema=VISITS)
           .group_by((pl.col("ts") // 60000).alias("m"), "page")
           .agg(pl.len().alias("n"), pl.col("clicks").sum().alias("s")))
(minutes.join(pl.LazyFrame({"k": range(10)}), how="cross")
 .with_columns(start=(pl.col("m") - pl.col("k")) * 60000)
 .group_by("start", "page").agg(pl.col("n").sum().alias("count"), pl.col("s").sum().alias("sum_clicks"))
 .sort("start", "page")
 .collect(engine="streaming").write_ndjson(sys.stdout.buffer))
