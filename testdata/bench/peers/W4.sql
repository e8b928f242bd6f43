COPY (WITH lines AS (SELECT regexp_extract(line, '^(\S+) (\S+) (\S+) \[([^\]]+)\] "(\S+) (\S+) ([^"]*)" (\d{3}) (\S+) "([^"]*)" "([^"]*)"',
  ['ip', 'ident', 'user', 'time', 'method', 'path', 'proto', 'status', 'bytes', 'referer', 'agent']) r
FROM read_csv('$INPUT', columns={line:'VARCHAR'}, delim='\x01', quote='', escape='', header=false, auto_detect=false))
SELECT r.time AS "time", r.ip AS ip, r.user AS "user", r.method AS method, r.path AS path, r.proto AS proto,
r.status::INT AS status, TRY_CAST(r.bytes AS BIGINT) AS bytes, r.referer AS referer, r.agent AS agent FROM lines)
TO '/dev/stdout' (FORMAT json)
