package file

import (
	"io"
	"os"

	"github.com/logpipe/logpipe/pkg/folder"
)

// disk is where the files are; a test puts one that fails in its place.
type disk interface {
	open(path string, flag int) (handle, error)
	// free is how much more may be written to the disk of a folder, in bytes.
	free(dir string) (int64, error)
}

// handle is an open file.
type handle interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Sync returns when the bytes of the file and its length are on disk.
	Sync() error
	Truncate(size int64) error
}

type osDisk struct{}

func (osDisk) open(path string, flag int) (handle, error) {
	f, err := os.OpenFile(path, flag, 0o666)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osDisk) free(dir string) (int64, error) { return folder.Free(dir) }

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }
