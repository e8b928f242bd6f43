package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/colinmarc/hdfs/v2"
)

// ReadFile reads a small file, such as a schema, by a path that Split knows. One
// of more than most bytes is an error.
func ReadFile(ctx context.Context, path string, c Config, most int) (data []byte, err error) {
	root, name, err := Split(path)
	if err != nil {
		return nil, err
	}
	f, err := Open(ctx, root, c)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	switch f := f.(type) {
	case *HDFS:
		return f.read(ctx, name, most)
	case *WebHDFS:
		data, err = f.do(ctx, "GET", "OPEN", name, nil, nil)
		return data, errors.Join(err, tooLong(path, len(data), most))
	}
	r, err := os.Open(Local{}.path(name))
	if err != nil {
		return nil, err
	}
	return readAll(r, path, most)
}

func (h *HDFS) read(ctx context.Context, name string, most int) ([]byte, error) {
	s, done, err := h.session(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	s.mu.Lock()
	defer s.mu.Unlock()
	var r *hdfs.FileReader
	if r, err = s.client.Open(name); err != nil {
		return nil, err
	}
	return readAll(r, name, most)
}

func readAll(r io.ReadCloser, path string, most int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	return data, errors.Join(err, r.Close(), tooLong(path, len(data), most))
}

func tooLong(path string, size, most int) error {
	if size > most {
		return fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return nil
}
