COPY (WITH minutes AS (SELECT ts//60000 AS m, page, count(*) AS n, sum(clicks) AS s
FROM read_json('$INPUT', format='newline_delimited', columns={page:'VARCHAR', clicks:'BIGINT', minutes:'DOUBLE', "like":'BIGINT', ts:'BIGINT'})
GROUP BY ALL)
SELECT (m-k)*60000 AS start, page, sum(n)::BIGINT AS count, sum(s)::BIGINT AS sum_clicks FROM minutes, range(10) back(k)
GROUP BY ALL ORDER BY start, page) TO '/dev/stdout' (FORMAT json)
