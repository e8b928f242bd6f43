COPY (WITH lines AS (SELECT regexp_extract(line, '^(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d{3}) (\S+) "[^"]*" "([^"]*)"',
  ['ip', 'time', 'method', 'path', 'status', 'bytes', 'agent']) r
FROM read_csv('$INPUT', columns={line:'VARCHAR'}, delim='\x01', quote='', escape='', header=false, auto_detect=false)),
requests AS (SELECT regexp_extract(r.path, '^/(?:course|video)/(\d+)', 1) course, r.status::INT status, r.agent agent FROM lines)
SELECT nullif(course, '') AS course, status,
CASE WHEN regexp_matches(agent, '(?i)bot|spider|crawl|externalhit') THEN 'bot'
WHEN agent LIKE '%MicroMessenger%' THEN 'WeChat'
WHEN agent LIKE '%Edg%' THEN 'Edge'
WHEN agent LIKE '%OPR/%' OR agent LIKE 'Opera%' THEN 'Opera'
WHEN agent LIKE '%SamsungBrowser%' THEN 'Samsung'
WHEN agent LIKE '%UCBrowser%' THEN 'UC'
WHEN agent LIKE '%Firefox%' OR agent LIKE '%FxiOS%' THEN 'Firefox'
WHEN agent LIKE '%Chrome%' OR agent LIKE '%CriOS%' THEN 'Chrome'
WHEN agent LIKE '%Trident%' OR agent LIKE '%MSIE%' THEN 'IE'
WHEN agent LIKE '%Safari%' THEN 'Safari'
WHEN agent LIKE 'curl%' THEN 'curl'
WHEN agent LIKE 'Wget%' THEN 'Wget'
WHEN agent LIKE 'python-requests%' THEN 'python-requests'
WHEN agent LIKE 'Go-http%' THEN 'Go-http'
ELSE 'other' END AS client, count(*) AS count
FROM requests GROUP BY ALL ORDER BY ALL) TO '/dev/stdout' (FORMAT json)
