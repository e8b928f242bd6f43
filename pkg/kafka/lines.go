package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// lines is a slog.Handler that makes a line of each warning and error for
// somebody who takes lines, such as a component of an agent.
type lines struct {
	logf  func(string, ...any)
	attrs []slog.Attr
}

func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	b.WriteString(r.Message)
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, ", %s %v", a.Key, a.Value)
		return true
	}
	for _, a := range l.attrs {
		add(a)
	}
	r.Attrs(add)
	l.logf("%s", b.String())
	return nil
}

func (l *lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &lines{l.logf, append(append([]slog.Attr(nil), l.attrs...), attrs...)}
}

// WithGroup leaves groups out: names are unique here without them.
func (l *lines) WithGroup(string) slog.Handler { return l }
