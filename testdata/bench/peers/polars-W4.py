import sys

import polars as pl

LINE = (r'^(?<ip>\S+) (?<ident>\S+) (?<user>\S+) \[(?<time>[^\]]+)\] "(?<method>\S+) (?<path>\S+) (?<proto>[^"]*)" '
        r'(?<status>\d{3}) (?<bytes>\S+) "(?<referer>[^"]*)" "(?<agent>[^"]*)"')
lines = pl.scan_csv(sys.argv[1], has_header=False, separator="\x01", quote_char=None, new_columns=["line"])
(lines.select(pl.col("line").str.extract_groups(LINE)).unnest("line").drop("ident")
 .with_columns(pl.col("status").cast(pl.Int32), pl.col("bytes").cast(pl.Int64, strict=False))
 .sink_ndjson(sys.stdout.buffer))
