COPY (SELECT ip, path, status
FROM read_json('$INPUT', format='newline_delimited', columns={ip:'VARCHAR', path:'VARCHAR', status:'INT'})
WHERE status >= 400) TO '/dev/stdout' (FORMAT json)
