package op

import "strings"

// parseFormats is what help says of each format of package format.
var parseFormats = []struct{ name, help string }{
	{"access", "log of Apache, nginx or IIS, recognised by its lines"},
	{"combined", "ip - user [time] \"request\" status bytes \"referer\" \"agent\""},
	{"common", "the same without referer and agent"},
	{"vhost-combined", "host:port in front of combined"},
	{"nginx-main", "combined and the forwarded addresses, nginx's default"},
	{"combined-time", "combined and the seconds taken; also common-time"},
	{"nginx='LOG_FORMAT'", "the log_format of nginx.conf, or its text"},
	{"w3c", "W3C extended log of IIS, named by its #Fields line"},
	{"delimited", "values between --delimiter (|), named by --fields"},
	{"csv", "RFC 4180, with quoted newlines; a header, or --fields"},
	{"regex PATTERN", "named groups of an expression: '(?P<level>[A-Z]+)'"},
	{"logfmt", "key=value pairs: level=info msg=\"a b\" took=5"},
	{"json", "one object a line, checked strictly and passed as it is"},
	{"spark-event", "event log of Spark; Task Info becomes TaskInfo"},
	{"text", "the line in the field line"},
}

func parseLong() string {
	var b strings.Builder
	b.WriteString("FORMAT is one of\n\n")
	for _, f := range parseFormats {
		b.WriteString("    " + f.name + strings.Repeat(" ", max(2, 20-len(f.name))) + f.help + "\n")
	}
	b.WriteString(`
Access logs give time (RFC 3339, with the offset of the line), ip, user, method,
path, query, proto, status, bytes, referer and agent; what the line has as - is left
out. A request that is none stands in request as it is. Values of delimited, csv and
regex are texts unless they are given a type: string, int, float, bool, time or json.

access reads each of the first hundred lines by what fits it, of the formats below
and w3c, and then all lines by the one that fitted most of them. Where none of them
fits any of the first 100 lines the input is refused, even if lines behind them would
fit: name the format then, and the lines that do not fit it are rejected.

In csv a quoted value may hold commas, doubled quotes and line ends. Where a quote is
not closed by one with a comma or a line end behind it, only the line on which it
opens is rejected, and the next line begins a record again: before the end of the
input, and within the first 1 MiB where the lines behind it are rows, with as many
commas as that line. A record of more than 16 MiB is skipped as a whole.

--extract takes fields out of the text of another one: the template
path=/course/{course:int}.html gives course where the whole path looks like this;
where it does not, the field is left out. {*} stands for anything. It may be given
several times.

A line that does not fit is rejected and told; --explain LINE shows where it stops
fitting and which format would read it. Blank lines
and headers are no records and do not count, but for text, where any line is one.
Files that begin with the same csv header follow each other. The plan of the stage
is shown by logpipe run --explain 'parse FORMAT'. FILEs and standard input may be
compressed with gzip or zstd. Where reading one fails, that is told, the others are
read, and the command ends with 1.`)
	return b.String()
}

const exampleLine = `203.0.113.7 - - [01/Mar/2026:10:00:05 +0100] "GET /course/131.html?from=mail HTTP/1.1" 200 5120 "-" "curl/8.5.0"`

var parseExamples = []Example{{
	Note: "an access log, with the course out of the path",
	Command: `echo '` + exampleLine + `' \
  | logpipe parse access --extract 'path=/course/{course:int}.html'`,
	Output: `{"time":"2026-03-01T10:00:05+01:00","ip":"203.0.113.7","method":"GET","path":"/course/131.html","query":"from=mail","proto":"HTTP/1.1","status":200,"bytes":5120,"agent":"curl/8.5.0","course":131}
`,
}, {
	Note:    "values between bars",
	Command: `printf 'page001.html|1|0.5|1\n' | logpipe parse delimited --fields page,clicks:int,minutes:float,like:int`,
	Output: `{"page":"page001.html","clicks":1,"minutes":0.5,"like":1}
`,
}, {
	Note:    "a csv file with a header",
	Command: `printf 'zip,city,people\n01234,"Bad X, north",17\n' | logpipe parse csv --types people:int`,
	Output: `{"zip":"01234","city":"Bad X, north","people":17}
`,
}, {
	Note:    "named groups of a regular expression",
	Command: `echo 'WARN disk 91% full' | logpipe parse regex '^(?P<level>[A-Z]+) disk (?P<used>\d+)%' --types used:int`,
	Output: `{"level":"WARN","used":91}
`,
}, {
	Note:    "the log_format of nginx.conf",
	Command: `echo '10.0.0.9 GET /a 0.004' | logpipe parse nginx='$remote_addr $request_method $request_uri $request_time'`,
	Output: `{"ip":"10.0.0.9","method":"GET","path":"/a","took":0.004}
`,
}, {
	Note:    "where a line stops fitting",
	Command: `logpipe parse combined --explain '10.0.0.9 - - [01/Mar/2026:10:00:05 +0000] "GET / HTTP/1.1" 200 5'`,
	Output: `       time    "2026-03-01T10:00:05Z"
    1  ip      "10.0.0.9"
   44  method  "GET"
   48  path    "/"
   50  proto   "HTTP/1.1"
   60  status  200
   64  bytes   5
10.0.0.9 - - [01/Mar/2026:10:00:05 +0000] "GET / HTTP/1.1" 200 5
                                                                ^ want ' "' behind bytes (column 65)
does not fit combined
fits common
`,
}}
