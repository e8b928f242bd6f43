COPY (SELECT ts//60000*60000 AS start, page, count(*) AS count, sum(clicks) AS sum_clicks
FROM read_json('$INPUT', format='newline_delimited', columns={page:'VARCHAR', clicks:'BIGINT', minutes:'DOUBLE', "like":'BIGINT', ts:'BIGINT'})
GROUP BY ALL ORDER BY start, page) TO '/dev/stdout' (FORMAT json)
