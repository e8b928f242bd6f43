// Package tail follows files that grow: through renaming and truncation, as log
// rotation does both, through their absence, and over restarts by a file of
// positions. It is the only importer of nxadm/tail, whose watchers tell when a
// file changes (inotify, or polling where that fails).
//
// The reading itself is done here: the library's own loop goes on with the new
// file when it hears of a renaming, without the lines that were written to the
// old one since it looked last, holds a line of any length in memory, and does
// not tell which file a line is from.
package tail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/stream"
)

// Config says what to follow.
type Config struct {
	Files     []string
	Beginning bool          // begin with what the files hold; else at their end
	Positions string        // file that keeps how far each file was read; "" = none. It stands before Beginning
	SaveEvery time.Duration // how often it is written; 0 = one second
	Log       *slog.Logger  // tells of waiting and of what was lost (warnings), of rotation (info); nil = nowhere
}

// Tail is a stream.Source of the lines of all files. A block holds lines of one
// file; its Ack moves the position.
type Tail struct {
	cfg    Config
	blocks chan *stream.Block
	failed chan error
	stop   context.CancelFunc
	work   sync.WaitGroup
	kept   *positions // nil without
	once   sync.Once
	err    error
}

// Open opens the files and begins to read ahead. A file that is not there is
// waited for; one that cannot be read, and a positions file that cannot be, are
// errors.
func Open(cfg Config) (*Tail, error) {
	if len(cfg.Files) == 0 {
		return nil, fault.Usagef("no file to follow")
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tail{cfg: cfg, blocks: make(chan *stream.Block), failed: make(chan error, len(cfg.Files))}
	if cfg.Positions != "" {
		var err error
		if t.kept, err = openPositions(cfg.Positions); err != nil {
			return nil, err
		}
	}
	list, err := t.followers()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	t.stop = stop
	for _, f := range list {
		t.work.Go(func() {
			if err := f.run(ctx); err != nil {
				t.failed <- err
			}
		})
	}
	if t.kept != nil {
		t.work.Go(func() { t.kept.run(ctx, cfg.SaveEvery, cfg.Log) })
	}
	return t, nil
}

// followers prepares the files, each once.
func (t *Tail) followers() ([]*follower, error) {
	var list []*follower
	var seen []string
	for _, name := range t.cfg.Files {
		path, err := filepath.Abs(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if slices.Contains(seen, path) {
			continue
		}
		seen = append(seen, path)
		f := &follower{t: t, name: name, path: path, watch: watcher{path: path}}
		if err := f.begin(); err != nil {
			for _, o := range append(list, f) {
				o.close()
			}
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// Read waits for the next lines. It never ends by itself.
func (t *Tail) Read(ctx context.Context) (*stream.Block, error) {
	select {
	case b := <-t.blocks:
		return b, nil
	case err := <-t.failed:
		return nil, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Hold puts off the storing of positions until Release.
func (t *Tail) Hold() { t.hold(true) }

// Release ends Hold.
func (t *Tail) Release() { t.hold(false) }

func (t *Tail) hold(on bool) {
	if t.kept != nil {
		t.kept.hold(on)
	}
}

// Close stops reading and stores the positions of what has been acknowledged.
func (t *Tail) Close() error {
	t.once.Do(func() {
		t.stop()
		t.work.Wait()
		if t.kept != nil {
			t.err = t.kept.close()
		}
	})
	return t.err
}

var errNoFile = errors.New("not a regular file")
