//go:build unix

package source

import (
	"context"
	"errors"
	"testing"
)

func TestAsk(t *testing.T) {
	tests := []struct {
		script, want, err string
		size              int
	}{
		{script: "cat; echo one; echo two", want: "one\ntwo\n"},
		{script: "echo half; echo ' no such secret' >&2; exit 3", err: "exit status 3: no such secret"},
		{script: "exit 4", err: "exit status 4"},
		{script: "kill -9 $$", err: "signal: killed"},
		{script: "sleep 333 >/dev/null & echo one", want: "one\n"},
		{script: "dd if=/dev/zero bs=1048576 count=3 2>/dev/null", size: mostAnswer},
	}
	for _, test := range tests {
		got, err := Ask(t.Context(), []string{"sh", "-c", test.script})
		if test.err != "" {
			if err == nil || err.Error() != test.err {
				t.Errorf("%s: %q, %v", test.script, got, err)
			}
			continue
		}
		if err != nil || test.size == 0 && string(got) != test.want || test.size > 0 && len(got) != test.size {
			t.Errorf("%s: %d bytes %.40q, %v", test.script, len(got), got, err)
		}
	}
	if _, err := Ask(t.Context(), []string{"/no/such/program"}); err == nil {
		t.Error("a program that is not there")
	}
	ctx, stop := context.WithCancelCause(t.Context())
	late := errors.New("too late")
	stop(late)
	if _, err := Ask(ctx, []string{"sleep", "333"}); err != late {
		t.Errorf("ended: %v", err)
	}
}
