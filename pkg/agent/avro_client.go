package agent

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumerpc"
)

// ClientOptions say what the avro-client sends, and where.
type ClientOptions struct {
	Host       string
	Port       int
	Properties string // file with properties of Flume's RPC client, in place of Host and Port
	File       string // "" = Stdin
	Dir        string // all files of this folder, each renamed once it was sent
	Headers    string // file with headers for every event
	Stdin      io.Reader
	Logf       func(format string, args ...any)
}

// sentSuffix marks a file that was sent.
const sentSuffix = ".COMPLETED"

// clientRetry is the pause after a source had no space.
const clientRetry = time.Second

// Send sends each line as an event to an avro source, or to those that the
// properties say, and returns the number of those that the source has
// stored. Where the source has no space it waits.
func Send(ctx context.Context, o ClientOptions) (sent int64, err error) {
	if o.File != "" && o.Dir != "" {
		return 0, fault.Usagef("--filename and --dirname exclude each other")
	}
	c := &lineClient{logf: o.Logf}
	if c.sink, err = newClientHosts(o); err != nil {
		return 0, err
	}
	c.most = c.sink.batch()
	if c.headers, err = clientHeaders(o.Headers); err != nil {
		return 0, err
	}
	if err := c.sink.open(flume.Env{Name: "avro-client", Logf: o.Logf}); err != nil {
		return 0, err
	}
	switch {
	case o.Dir != "":
		err = c.sendFolder(ctx, o.Dir)
	case o.File != "":
		err = c.sendFile(ctx, o.File)
	default:
		err = c.send(ctx, o.Stdin)
	}
	return c.sent, errors.Join(err, c.sink.close())
}

// lineClient sends lines.
type lineClient struct {
	sink    *clientHosts
	headers flume.Headers
	most    int // events in a batch
	logf    func(string, ...any)
	sent    int64
}

// send sends the lines of r: a full batch, or what is there where the next line
// is not.
func (c *lineClient) send(ctx context.Context, r io.Reader) error {
	lines := bufio.NewReaderSize(r, 64<<10)
	var batch []flume.Event
	for {
		line, err := lines.ReadBytes('\n')
		if err == nil || len(line) > 0 {
			body := bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
			batch = append(batch, flume.Event{Headers: c.headers.Clone(), Body: body})
		}
		if len(batch) > 0 && (err != nil || len(batch) >= c.most || !buffered(lines)) {
			if err := c.deliver(ctx, batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read lines: %w", err)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// buffered reports whether a whole line can be read without waiting.
func buffered(r *bufio.Reader) bool {
	b, err := r.Peek(r.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}

// deliver sends one batch, again and again while the source has no space.
func (c *lineClient) deliver(ctx context.Context, batch []flume.Event) error {
	for told := false; ; told = true {
		err := c.sink.write(ctx, batch)
		var status *flumerpc.StatusError
		if err == nil {
			c.sent += int64(len(batch))
			return nil
		}
		if !errors.As(err, &status) {
			return err
		}
		if !told {
			c.logf("waits: %v", err)
		}
		if !flume.Pause(ctx, clientRetry) {
			return err
		}
	}
}

func (c *lineClient) sendFile(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.With(fault.Usage, err)
	}
	defer f.Close()
	return c.send(ctx, f)
}

// sendFolder sends the files of a folder, the oldest first.
func (c *lineClient) sendFolder(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fault.With(fault.Usage, err)
	}
	type file struct {
		name string
		time time.Time
	}
	var files []file
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || strings.HasPrefix(e.Name(), ".") || strings.HasSuffix(e.Name(), sentSuffix) {
			continue
		}
		files = append(files, file{e.Name(), info.ModTime()})
	}
	slices.SortFunc(files, func(a, b file) int {
		return cmp.Or(a.time.Compare(b.time), strings.Compare(a.name, b.name))
	})
	for _, f := range files {
		path := filepath.Join(dir, f.name)
		if err := c.sendFile(ctx, path); err != nil {
			return err
		}
		if _, err := os.Lstat(path + sentSuffix); err == nil {
			return fmt.Errorf("%s was sent and cannot be renamed: %s%s is there already", path, f.name, sentSuffix)
		}
		if err := os.Rename(path, path+sentSuffix); err != nil {
			return fmt.Errorf("%s was sent: %w", path, err)
		}
	}
	return nil
}

// clientHeaders reads a file of k=v lines.
func clientHeaders(path string) (flume.Headers, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.With(fault.Usage, fmt.Errorf("read headers: %w", err))
	}
	var headers flume.Headers
	entries, _ := parseProperties(path, data)
	for _, e := range entries {
		headers.Set(e.key, e.value)
	}
	return headers, nil
}
