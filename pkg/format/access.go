package format

// The access-log formats that have a name, in nginx's words. Apache writes the
// same lines: %h %l %u [%t] "%r" %>s %b "%{Referer}i" "%{User-agent}i".
const (
	commonText   = `$remote_addr $remote_ident $remote_user [$time_local] "$request" $status $body_bytes_sent`
	combinedText = commonText + ` "$http_referer" "$http_user_agent"`
)

// named are the access-log formats with a name, the more special ones later.
var named = [...]struct{ name, text string }{
	{"combined", combinedText},
	{"common", commonText},
	{"vhost-combined", `$host:$server_port ` + combinedText},
	{"nginx-main", combinedText + ` "$http_x_forwarded_for"`}, // log_format main of nginx's packages
	{"combined-time", combinedText + ` $request_time`},
	{"common-time", commonText + ` $request_time`},
}

// accessFormat returns the named access-log format.
func accessFormat(name string, o Options) (Format, bool) {
	for _, n := range named {
		if n.name == name {
			t, err := compileTemplate(name, n.text, o)
			return t, err == nil
		}
	}
	return nil, false
}
