//go:build unix

package sink

import (
	"errors"
	"os"
)

// syncFolder waits until the disk has the names in a folder.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
