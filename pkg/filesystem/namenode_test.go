package filesystem

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// A namenode that takes calls and never answers does not hold a call longer than
// its context.
func TestSilentNamenode(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			go func() {
				io.ReadFull(c, make([]byte, 8)) // the client has connected
				asked <- struct{}{}
				io.Copy(io.Discard, c)
			}()
		}
	}()
	calls := map[string]func(FS, context.Context) error{
		"create": func(f FS, ctx context.Context) error { _, err := f.Create(ctx, "/a"); return err },
		"rename": func(f FS, ctx context.Context) error { return f.Rename(ctx, "/a", "/b") },
		"list":   func(f FS, ctx context.Context) error { _, err := f.List(ctx, "/"); return err },
		"remove": func(f FS, ctx context.Context) error { return f.Remove(ctx, "/a") },
		"adopt": func(f FS, ctx context.Context) error {
			_, err := f.Adopt(ctx, "/a", func(io.ReaderAt, int64) (int64, error) { return 0, nil })
			return err
		},
	}
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			f, err := newHDFS(l.Addr().String(), Config{User: "u", Timeout: time.Hour}, nil)
			if err != nil {
				t.Fatal(err)
			}
			why := errors.New("the agent ends")
			ctx, end := context.WithCancelCause(t.Context())
			result := make(chan error, 1)
			go func() { result <- call(f, ctx) }()
			<-asked
			end(why)
			// The client makes a text of what its connections tell.
			if err := <-result; err == nil || !strings.Contains(err.Error(), why.Error()) {
				t.Errorf("told %v", err)
			}
			if err := call(f, ctx); !errors.Is(err, why) {
				t.Errorf("the next call: %v", err)
			}
			if err := f.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		})
	}
}
