package pipe

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// logger is where stages tell things, in the lines of the agent.
func logger(logf func(string, ...any)) *slog.Logger { return slog.New(lineHandler{logf: logf}) }

// lineHandler tells a record from level info on as a line.
type lineHandler struct {
	logf  func(string, ...any)
	attrs []slog.Attr
}

func (lineHandler) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	add := func(a slog.Attr) bool {
		fmt.Fprintf(&b, "; %s: %v", a.Key, a.Value)
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	h.logf("%s%s", r.Message, b.String())
	return nil
}

func (h lineHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.attrs = append(h.attrs[:len(h.attrs):len(h.attrs)], attrs...)
	return h
}

func (h lineHandler) WithGroup(string) slog.Handler { return h }
