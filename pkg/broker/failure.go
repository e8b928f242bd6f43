package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/twmb/franz-go/pkg/kfake"
)

// kfake only logs that it could not write, and answers as if it had: a batch that
// was refused for it counts as a repeat when it is sent again, and is acknowledged.
// So the first write that fails ends all answers, as Kafka halts when its last
// folder fails: what was acknowledged until then is stored, and a start reads it as
// after a SIGKILL.

// failure is the end of a broker that cannot write.
type failure struct {
	mu      sync.Mutex
	closing bool // by Close: kfake's last writes may fail, and it must come to its end
	err     error
	failed  chan struct{} // closed when err is set
}

// set notes the first error. halt tells that nothing may go on behind it.
func (f *failure) set(err error) (first, halt bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err, first = err, true
		close(f.failed)
	}
	return first, !f.closing
}

func (f *failure) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// close begins the end of the broker; it returns the error that came before.
func (f *failure) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closing = true
	return f.err
}

// Failed is closed when the broker could not write: it answers nobody any more.
// Close then returns why; the process should end.
func (b *Broker) Failed() <-chan struct{} { return b.failure.failed }

// fail ends the broker because of a write that failed, and does not return, so that
// kfake, which handles requests one by one, goes on with none of them. While the
// broker is closed it returns.
func (b *Broker) fail(err error) {
	first, halt := b.failure.set(b.writeError(err))
	if first {
		for _, n := range b.nodes {
			n.hangUp()
		}
	}
	if halt {
		select {}
	}
}

// writeError is an error of the disk with what can be done about it.
func (b *Broker) writeError(err error) error {
	mend := "see that the folder can be written to"
	if isFull(err) {
		mend = "free space on the disk"
	}
	if b.temp {
		return fault.Hint(err, "%s, or keep the records on another disk with --dir; they went with the broker", mend)
	}
	return fault.Hint(err, "%s and start it again: what it has acknowledged is there", mend)
}

// isFull tells whether an error says that the disk or a quota is used up.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// startError is an error of kfake, or of what is done before it, in the folder.
func (b *Broker) startError(err error) error {
	err = fmt.Errorf("start broker in %s: %w", b.dir, err)
	if isFull(err) {
		return b.writeError(err)
	}
	return err
}

// closeFailed ends a broker that has failed. It asks kfake nothing, which stands
// still, and saves nothing: what was not acknowledged must not outlive it.
func (b *Broker) closeFailed() error {
	b.shutFailed()
	return errors.Join(b.failure.get(), b.closeDir())
}

// shutFailed ends the listeners of a broker that has failed.
func (b *Broker) shutFailed() {
	b.inside.shut()
	for _, n := range b.nodes {
		n.hangUp()
		n.mu.Lock()
		l := n.listener
		n.mu.Unlock()
		if l == nil {
			continue
		}
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			b.log.Debug("close listener", "error", err)
		}
	}
}

// unlessFailed does what waits for kfake. Where a write fails it returns why: kfake
// stands still then.
func (b *Broker) unlessFailed(do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-b.failure.failed:
		return b.failure.get()
	}
}

// logger hands kfake's lines to slog, all at debug level: they tell about the
// broker's inside, and a client hears of its own mistakes in the answer. Those that
// tell of a write that failed end the broker.
type logger struct {
	log  *slog.Logger
	fail func(error)
}

func (l logger) Logf(level kfake.LogLevel, format string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...), "broker", level.String())
	}
	if isWrite(format) {
		l.fail(errorOf(format, args))
	}
}

// isWrite tells whether a line of kfake's says that a write has failed (persist.go
// and txns.go there).
func isWrite(format string) bool {
	for _, start := range []string{"persist ", "rebuildSegments ", "compact pids.log", "compact groups.log", "endTx: failed", "save session state"} {
		if strings.HasPrefix(format, start) {
			return true
		}
	}
	return false
}

// errorOf is the error in a line of kfake's: that of the operating system, which
// names the file, where there is one.
func errorOf(format string, args []any) error {
	for _, a := range args {
		var path *fs.PathError
		err, ok := a.(error)
		if errors.As(err, &path) {
			return path
		}
		if ok {
			return err
		}
	}
	return fmt.Errorf(format, args...)
}
