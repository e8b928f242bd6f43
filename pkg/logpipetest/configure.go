package logpipetest

import (
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/flume"
)

// Configure makes a component with settings as name=value.
func Configure[C any](t testing.TB, build func(*flume.Properties) C, settings ...string) C {
	t.Helper()
	var p flume.Properties
	c := build(&p)
	for _, setting := range settings {
		name, value, _ := strings.Cut(setting, "=")
		q, _ := p.Lookup(name)
		if q == nil {
			t.Fatalf("no property %q", name)
		}
		if err := q.Assign(name, value); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
	}
	return c
}
