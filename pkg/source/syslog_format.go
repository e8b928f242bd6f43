package source

import (
	"fmt"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	times "github.com/logpipe/logpipe/pkg/timestamp"
)

// syslogFormat is a format of the sender's own.
type syslogFormat struct {
	pattern *pattern
	search  *pattern // nil = nothing is replaced
	replace groupReplacement
	read    func(text string) (ms int64, ok bool) // nil = the time is not read
}

// formatProperties are the settings of a format.
var formatProperties = [4]struct{ name, help string }{
	{"regex", "a format of the sender's own, with groups for priority, version, timestamp, host and body"},
	{"search", "of format.regex: what to change in the timestamp"},
	{"replace", "of format.regex: what to write there"},
	{"dateFormat", "of format.regex: how Java would read the timestamp"},
}

// describeFormats describes the format of the sources with one port.
func (s *syslogSettings) describeFormats(p *flume.Properties) {
	for i, property := range formatProperties {
		p.String(&s.format[i], "format."+property.name, "", property.help)
	}
	var unused string
	p.String(&unused, "format.code", "", "a number of a format").Without("format.regex alone says how a message is read")
}

// formats are the settings by their names.
func (s *syslogSettings) formats() map[string]string {
	all := map[string]string{}
	for i, property := range formatProperties {
		all[property.name] = s.format[i]
	}
	return all
}

func checkFormat(formats map[string]string) []flume.Problem {
	if _, err := newSyslogFormat(formats, nil); err != nil {
		return []flume.Problem{{Property: "format.regex", Message: err.Error(), Fix: "patterns are those of Java's class Pattern, dateFormat that of its SimpleDateFormat"}}
	}
	return nil
}

// newSyslogFormat reads the properties of a format; nil = there is none.
func newSyslogFormat(formats map[string]string, logf func(string, ...any)) (*syslogFormat, error) {
	text := formats["regex"]
	if text == "" {
		return nil, nil
	}
	f := &syslogFormat{}
	var err error
	if f.pattern, err = newWholePattern(text); err != nil {
		return nil, fmt.Errorf("format.regex: %w", err)
	}
	f.pattern.telling(logf, "the message is read as syslog")
	if search := formats["search"]; search != "" {
		if f.search, err = newPattern(search); err != nil {
			return nil, fmt.Errorf("format.search: %w", err)
		}
		f.search.telling(logf, "the time stays as it is")
		if f.replace, err = parseReplacement(formats["replace"], f.search.re); err != nil {
			return nil, fmt.Errorf("format.replace: %w", err)
		}
	}
	if layout := formats["dateFormat"]; layout != "" {
		if f.read, err = javaDateReader(layout); err != nil {
			return nil, fmt.Errorf("format.dateFormat: %w", err)
		}
	}
	return f, nil
}

func (f *syslogFormat) split(line []byte) (m syslogMessage, ok bool) {
	at := f.pattern.find(line)
	if at == nil {
		return m, false
	}
	m.time = -1
	fields := []*[]byte{&m.priority, &m.version, &m.stamp, &m.host, &m.body}
	for i, to := range fields[:min(len(at)/2-1, len(fields))] {
		if begin, end := at[2*i+2], at[2*i+3]; begin >= 0 {
			*to = line[begin:end]
		}
	}
	if len(m.stamp) > 0 && f.read != nil {
		text := m.stamp
		if f.search != nil {
			text = f.search.replace(text, f.replace)
		}
		if ms, ok := f.read(string(text)); ok {
			m.time = ms
		}
	}
	return m, true
}

// javaDateReader reads times of a pattern of Java's SimpleDateFormat.
func javaDateReader(pattern string) (func(string) (int64, bool), error) {
	layout, err := times.NewJavaLayout(pattern)
	if err != nil {
		return nil, err
	}
	return func(text string) (int64, bool) {
		ns, ok := layout.Parse([]byte(text), time.Local)
		return ns / int64(time.Millisecond), ok
	}, nil
}
