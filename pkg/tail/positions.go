package tail

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/folder"
)

// position is how far a file was read: what has been acknowledged, not what was
// handed out.
type position struct {
	Path string `json:"path"` // under which it was followed
	identity
	Offset int64  `json:"offset"` // of the next byte
	Head   uint32 `json:"head"`   // CRC-32 of the first 256 bytes, or of those before Offset
	// Last is of what was read before Offset: files of one program often begin alike.
	Last ending `json:"last,omitzero"`
}

// ending tells the bytes before a position: how many, and their CRC-32. The zero
// value is not known.
type ending struct {
	Size int    `json:"size"`
	CRC  uint32 `json:"crc"`
}

func endingOf(read []byte) ending {
	read = read[max(0, len(read)-headSize):]
	return ending{len(read), crc32.ChecksumIEEE(read)}
}

// positionsFile is the file of positions.
type positionsFile struct {
	Version int        `json:"version"`
	Files   []position `json:"files"`
}

const positionsVersion = 1

// positions stores how far files were read.
type positions struct {
	name   string
	mu     sync.Mutex
	stored []position         // as read at the start, of paths not followed now
	files  map[string][]*file // by path
	wrote  []byte
	held   bool // nothing is written
}

func (p *positions) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = on
}

// openPositions reads the file; it need not be there.
func openPositions(name string) (*positions, error) {
	p := &positions{name: name, files: map[string][]*file{}}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return p, p.save() // so that a place that cannot be written is told now
	}
	if err != nil {
		return nil, fmt.Errorf("positions %s: %w", name, cause(err))
	}
	if p.stored, err = parsePositions(data); err != nil {
		return nil, fault.Hint(fault.Usagef("positions %s: %w", name, err), "--positions names a file that tail has written, or a new one")
	}
	p.wrote = data
	return p, nil
}

func parsePositions(data []byte) ([]position, error) {
	var f positionsFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	if f.Version != positionsVersion {
		return nil, fmt.Errorf("version %d, want %d", f.Version, positionsVersion)
	}
	for _, e := range f.Files {
		if e.Offset < 0 || e.Path == "" || e.Last.Size < 0 || e.Last.Size > headSize || int64(e.Last.Size) > e.Offset {
			return nil, fmt.Errorf("no position of a file: %q at %d", e.Path, e.Offset)
		}
	}
	return f.Files, nil
}

// of returns what is stored for a path and takes it over.
func (p *positions) of(path string) []position {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []position
	p.stored = slices.DeleteFunc(p.stored, func(e position) bool {
		if e.Path == path {
			list = append(list, e)
		}
		return e.Path == path
	})
	return list
}

// set tells which files are followed under a path. Those that were followed
// before stay until all of them is acknowledged.
func (p *positions) set(path string, list []*file) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.files[path] {
		if !slices.Contains(list, o) {
			list = append(list, o)
		}
	}
	p.files[path] = list
}

// run saves at regular times until ctx ends.
func (p *positions) run(ctx context.Context, every time.Duration, log *slog.Logger) {
	if every <= 0 {
		every = time.Second
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-tick.C:
			if err := p.save(); err != nil && !told {
				told = true
				log.Warn(err.Error())
			}
		case <-ctx.Done():
			return
		}
	}
}

func (p *positions) close() error { return p.save() }

// save writes the file if something has changed, all of it or nothing.
func (p *positions) save() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held {
		return nil
	}
	f := positionsFile{Version: positionsVersion, Files: slices.Clone(p.stored)}
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		p.files[path] = slices.DeleteFunc(p.files[path], func(o *file) bool {
			e, finished, err := o.position()
			if finished {
				return true
			}
			if err == nil {
				e.Path = path
				f.Files = append(f.Files, e)
			}
			return false
		})
	}
	if f.Files == nil {
		f.Files = []position{}
	}
	data, err := json.MarshalIndent(f, "", "  ")
	if err == nil {
		data = append(data, '\n')
		if string(data) == string(p.wrote) {
			return nil
		}
		err = folder.Replace(p.name, data, true)
	}
	if err != nil {
		return fmt.Errorf("positions %s: %w", p.name, cause(err))
	}
	p.wrote = data
	return nil
}
