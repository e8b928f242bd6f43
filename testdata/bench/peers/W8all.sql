COPY (SELECT count(*) AS count, sum(heat) AS sum_heat FROM (SELECT sum(0.8*clicks + 0.8*minutes + "like") AS heat
FROM read_json('$INPUT', format='newline_delimited', columns={page:'VARCHAR', clicks:'BIGINT', minutes:'DOUBLE', "like":'BIGINT', ts:'BIGINT'})
GROUP BY page)) TO '/dev/stdout' (FORMAT json)
