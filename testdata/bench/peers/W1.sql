COPY (SELECT page, sum(0.8*clicks + 0.8*minutes + "like") AS heat
FROM read_json('$INPUT', format='newline_delimited', columns={page:'VARCHAR', clicks:'BIGINT', minutes:'DOUBLE', "like":'BIGINT', ts:'BIGINT'})
GROUP BY page ORDER BY heat DESC LIMIT 10) TO '/dev/stdout' (FORMAT json)
