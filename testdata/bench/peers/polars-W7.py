import sys

import polars as pl

VISITS = {"page": pl.String, "clicks": pl.Int64, "minutes": pl.Float64, "like": pl.Int64, "ts": pl.Int64}


def quantile(percent):
    # equiprobable is the value at rank ceil(p*n), as in quantile_disc
    return pl.col("minutes").quantile(percent / 100, interpolation="equiprobable").alias(f"p{percent}_minutes")


(pl.scan_ndjson(sys.argv[1], schema=VISITS)
 .group_by("page").agg(pl.col("minutes").n_unique().alias("distinct_minutes"), quantile(50), quantile(95), quantile(99))
 .sort("page")
 .collect(engine="streaming").write_ndjson(sys.stdout.buffer))
