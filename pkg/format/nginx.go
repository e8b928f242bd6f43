package format

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/fault"
)

// known are the variables of nginx that have a type or a short name. Where two
// want the same name, the one with the lower rank gets it, and the other keeps
// its own.
var known = map[string]struct {
	kind  kind
	short string
	rank  int
}{
	"request":                {requestKind, "", 0},
	"remote_addr":            {textKind, "ip", 0},
	"remote_user":            {textKind, "user", 0},
	"remote_ident":           {skipKind, "", 0},
	"time_local":             {timeKind, "time", 0},
	"time_iso8601":           {timeKind, "time", 1},
	"msec":                   {timeKind, "time", 2},
	"request_method":         {textKind, "method", 1},
	"request_uri":            {targetKind, "", 1},
	"uri":                    {textKind, "path", 2},
	"document_uri":           {textKind, "path", 2},
	"args":                   {textKind, "query", 2},
	"query_string":           {textKind, "query", 2},
	"server_protocol":        {textKind, "proto", 1},
	"status":                 {intKind, "status", 0},
	"body_bytes_sent":        {intKind, "bytes", 0},
	"bytes_sent":             {intKind, "bytes", 1},
	"http_referer":           {textKind, "referer", 0},
	"http_user_agent":        {textKind, "agent", 0},
	"http_x_forwarded_for":   {listKind, "forwarded", 0},
	"request_time":           {numberKind, "took", 0},
	"upstream_response_time": {listKind, "upstream_took", 0},
	"upstream_addr":          {listKind, "", 0},
	"upstream_status":        {listKind, "", 0},
	"upstream_connect_time":  {listKind, "", 0},
	"upstream_header_time":   {listKind, "", 0},
	"http_host":              {textKind, "host", 1},
	"host":                   {textKind, "host", 0},
	"server_name":            {textKind, "host", 2},
	"server_port":            {intKind, "port", 0},
	"remote_port":            {intKind, "", 0},
	"request_length":         {intKind, "", 0},
	"connection":             {intKind, "", 0},
	"connection_requests":    {intKind, "", 0},
	"gzip_ratio":             {numberKind, "", 0},
}

// accessOrder is the order of the fields of access logs; others follow in the
// order of the line.
var accessOrder = []string{"time", "ip", "user", "method", "path", "query", "proto", "status", "bytes", "referer", "agent"}

// piece is a variable of a log_format text with the literal behind it.
type piece struct{ name, lit string }

// nginxFormat compiles a log_format: the directive as it stands in nginx.conf,
// or only its text.
func nginxFormat(text string, o Options) (Format, error) {
	plain, err := logFormatText(text)
	if err == nil {
		var t *template
		if t, err = compileTemplate("nginx", plain, o); err == nil {
			return t, nil
		}
	}
	return nil, fault.Hint(fault.Usagef("nginx format: %w", err),
		`paste the log_format of nginx.conf, as in nginx='$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'`)
}

// logFormatText takes the text out of a pasted directive: `log_format name
// [escape=…] 'text' 'text';`. A text without quotes is taken as it is.
func logFormatText(text string) (string, error) {
	rest := strings.TrimSpace(text)
	directive := strings.HasPrefix(rest, "log_format")
	if directive {
		words := strings.Fields(rest)
		if len(words) < 3 {
			return "", fmt.Errorf("the directive has no text")
		}
		rest = strings.TrimSpace(strings.TrimPrefix(rest, "log_format"))
		rest = strings.TrimSpace(strings.TrimPrefix(rest, words[1]))
		if strings.HasPrefix(rest, "escape=") {
			rest = strings.TrimSpace(strings.TrimPrefix(rest, words[2]))
		}
	}
	if !strings.HasPrefix(rest, "'") && !(directive && strings.HasPrefix(rest, `"`)) {
		return strings.TrimSuffix(rest, ";"), nil
	}
	var b strings.Builder
	for rest != "" && rest != ";" {
		q := rest[0]
		if q != '\'' && q != '"' {
			return "", fmt.Errorf("want a quoted text or ; at %.20q", rest)
		}
		i := 1
		for ; i < len(rest) && rest[i] != q; i++ {
			if rest[i] == '\\' && i+1 < len(rest) && (rest[i+1] == q || rest[i+1] == '\\') {
				i++
			}
			b.WriteByte(rest[i])
		}
		if i >= len(rest) {
			return "", fmt.Errorf("the text that begins with %.20q has no closing quote", rest)
		}
		rest = strings.TrimSpace(rest[i+1:])
	}
	return b.String(), nil
}

// cutPieces splits a log_format text into the literal in front and variables.
func cutPieces(text string) (head string, pieces []piece, err error) {
	head, rest, _ := strings.Cut(text, "$")
	if head == text || rest == "" {
		return "", nil, fmt.Errorf("%q names no $variable", text)
	}
	for rest != "" {
		name := rest
		if strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return "", nil, fmt.Errorf("no } behind ${ at %.20q", rest)
			}
			name, rest = rest[1:end], rest[end+1:]
		} else {
			end := strings.IndexFunc(rest, func(c rune) bool {
				return c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z')
			})
			if end >= 0 {
				name = rest[:end]
			}
			rest = rest[len(name):]
		}
		if name == "" || !utf8.ValidString(name) {
			return "", nil, fmt.Errorf("a $ without a name at %.20q", rest)
		}
		lit, after, more := strings.Cut(rest, "$")
		if more && lit == "" {
			return "", nil, fmt.Errorf("nothing stands between $%s and the variable behind it", name)
		}
		pieces = append(pieces, piece{name, lit})
		rest = after
		if more && after == "" {
			return "", nil, fmt.Errorf("a $ without a name at the end")
		}
	}
	return head, pieces, nil
}

// compileTemplate makes the format of a log_format text.
func compileTemplate(name, text string, o Options) (*template, error) {
	head, pieces, err := cutPieces(text)
	if err != nil {
		return nil, err
	}
	t := &template{name: name, head: []byte(head), zone: o.zone()}
	owned := assignNames(pieces)
	t.fields = orderFields(owned)
	before := head
	for i, p := range pieces {
		v := variable{kind: known[p.name].kind, name: p.name}
		v.setLiteral(p.lit)
		v.quoted = v.stop == '"' && strings.HasSuffix(before, `"`)
		if len(owned[i].names) == 1 {
			v.name = owned[i].names[0]
		}
		switch {
		case v.kind == skipKind:
			v.name = "ident"
		case owned[i].plain:
			v.kind = textKind
		case p.name == "msec" && v.name == "msec": // another variable is the time
			v.kind = numberKind
		}
		for _, f := range owned[i].names {
			v.fields = append(v.fields, slices.Index(t.fields, f))
		}
		v.choose()
		t.vars = append(t.vars, v)
		before = p.lit
	}
	return t, nil
}

// owner lists the fields that a variable sets.
type owner struct {
	names []string
	plain bool // its own fields are taken: it is one text under its own name
}

// assignNames gives each variable its fields.
func assignNames(pieces []piece) []owner {
	owned := make([]owner, len(pieces))
	taken := map[string]bool{}
	for rank := range 3 {
		for i, p := range pieces {
			k, ok := known[p.name]
			if !ok && rank > 0 || k.rank != rank || k.kind == skipKind {
				continue
			}
			want := wantedNames(k.kind, k.short, p.name)
			for _, n := range want {
				if taken[n] {
					owned[i].plain = k.kind != intKind && k.kind != numberKind && k.kind != timeKind
					want = []string{free(p.name, taken)}
					break
				}
			}
			for _, n := range want {
				taken[n] = true
			}
			owned[i].names = want
		}
	}
	return owned
}

func wantedNames(k kind, short, name string) []string {
	switch {
	case k == requestKind:
		return []string{"method", "path", "query", "proto", "request"}
	case k == targetKind:
		return []string{"path", "query"}
	case short != "":
		return []string{short}
	}
	return []string{name}
}

// free returns name, or with a number behind it where it is taken.
func free(name string, taken map[string]bool) string {
	for n, base := 2, name; taken[name]; n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	return name
}

// orderFields is the order of output.
func orderFields(owned []owner) (fields []string) {
	has := map[string]bool{}
	for _, o := range owned {
		for _, n := range o.names {
			has[n] = true
		}
	}
	for _, n := range accessOrder {
		if has[n] {
			fields = append(fields, n)
			delete(has, n)
		}
	}
	for _, o := range owned {
		for _, n := range o.names {
			if has[n] && n != "request" {
				fields = append(fields, n)
				delete(has, n)
			}
		}
	}
	if has["request"] {
		fields = append(fields, "request")
	}
	return fields
}
