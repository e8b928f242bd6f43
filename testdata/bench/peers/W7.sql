COPY (SELECT page, count(DISTINCT minutes) AS distinct_minutes, quantile_disc(minutes, 0.5) AS p50_minutes,
quantile_disc(minutes, 0.95) AS p95_minutes, quantile_disc(minutes, 0.99) AS p99_minutes
FROM read_json('$INPUT', format='newline_delimited', columns={page:'VARCHAR', clicks:'BIGINT', minutes:'DOUBLE', "like":'BIGINT', ts:'BIGINT'})
GROUP BY page ORDER BY page) TO '/dev/stdout' (FORMAT json)
