import sys

import polars as pl

LINE = r'^(?<ip>\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (?<path>\S+) [^"]*" (?<status>\d{3}) (\S+) "[^"]*" "(?<agent>[^"]*)"'
agent = pl.col("agent")


def has(*parts):
    return pl.any_horizontal(*[agent.str.contains(p, literal=True) for p in parts])


def starts(part):
    return agent.str.starts_with(part)


client = (pl.when(agent.str.contains("(?i)bot|spider|crawl|externalhit")).then(pl.lit("bot"))
          .when(has("MicroMessenger")).then(pl.lit("WeChat"))
          .when(has("Edg")).then(pl.lit("Edge"))
          .when(has("OPR/") | starts("Opera")).then(pl.lit("Opera"))
          .when(has("SamsungBrowser")).then(pl.lit("Samsung"))
          .when(has("UCBrowser")).then(pl.lit("UC"))
          .when(has("Firefox", "FxiOS")).then(pl.lit("Firefox"))
          .when(has("Chrome", "CriOS")).then(pl.lit("Chrome"))
          .when(has("Trident", "MSIE")).then(pl.lit("IE"))
          .when(has("Safari")).then(pl.lit("Safari"))
          .when(starts("curl")).then(pl.lit("curl"))
          .when(starts("Wget")).then(pl.lit("Wget"))
          .when(starts("python-requests")).then(pl.lit("python-requests"))
          .when(starts("Go-http")).then(pl.lit("Go-http"))
          .otherwise(pl.lit("other")).alias("client"))
lines = pl.scan_csv(sys.argv[1], has_header=False, separator="\x01", quote_char=None, new_columns=["line"])
(lines.select(pl.col("line").str.extract_groups(LINE)).unnest("line")
 .select(pl.col("path").str.extract(r"^/(?:course|video)/(\d+)").alias("course"), pl.col("status").cast(pl.Int32), client)
 .group_by("course", "status", "client").agg(pl.len().alias("count")).sort("course", "status", "client")
 .collect(engine="streaming").write_ndjson(sys.stdout.buffer))
