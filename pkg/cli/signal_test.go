//go:build unix

package cli

import (
	"context"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSignalsTogether holds that signals right behind the first count as the
// same one: the command drains. What is left to a random choice comes often.
func TestSignalsTogether(t *testing.T) {
	seen := make(chan os.Signal, 1)
	signal.Notify(seen, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(seen)
	for range 20 {
		for _, second := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			a, _, errs := testApp("")
			drained, begun, ended := false, time.Now(), make(chan struct{})
			code := a.Main(func(ctx context.Context) error {
				defer close(ended)
				for _, s := range []syscall.Signal{syscall.SIGTERM, second} {
					if err := syscall.Kill(os.Getpid(), s); err != nil {
						t.Error(err)
					}
					<-seen
					<-ctx.Done()
				}
				drained = true
				return nil
			})
			<-ended // also where Main did not wait for it: it takes what it sees from nobody else
			if time.Since(begun) >= Together {
				continue // a busy machine has made two of them
			}
			if code != 143 || errs.Len() > 0 || !drained {
				t.Fatalf("exit code %d, drained %v: %s", code, drained, errs)
			}
		}
	}
}

// TestAtLeave holds that what must not stay behind is removed where a command
// does not drain in time.
func TestAtLeave(t *testing.T) {
	a, _, errs := testApp("")
	a.grace.Store(int64(time.Millisecond))
	var did []string
	a.AtLeave(func() { did = append(did, "first") })
	a.AtLeave(func() { did = append(did, "forgotten") })()
	a.AtLeave(func() { did = append(did, "last") })
	stuck := make(chan struct{})
	defer close(stuck)
	code := a.Main(func(context.Context) error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGINT); err != nil {
			t.Error(err)
		}
		<-stuck
		return nil
	})
	if code != 130 || strings.Join(did, " ") != "first last" || !strings.Contains(errs.String(), "not drained within 1ms") {
		t.Errorf("exit code %d, did %v: %s", code, did, errs)
	}
}
