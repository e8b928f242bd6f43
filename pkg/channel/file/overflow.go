package file

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/logpipe/logpipe/pkg/flume"
)

// overflowName is in the checkpointDir of a channel of NewOverflow: the log beside
// it is no file channel's.
const overflowName = "logpipe.overflow"

// own notes in checkpointDir whose log this is.
func (c *Channel) own(dir string) error {
	path := filepath.Join(dir, overflowName)
	if !c.overflow {
		return forget(path)
	}
	err := os.WriteFile(path, []byte(c.owner()), 0o666)
	if isNoSpace(err) {
		return nil // what is inside matters more
	}
	return err
}

// Overflowed reports whether the folders have the log of a channel of NewOverflow,
// for one that does not overflow any more.
func (c *Channel) Overflowed() bool {
	dirs, err := c.folders()
	if err != nil {
		return false
	}
	if owner, err := os.ReadFile(filepath.Join(dirs.checkpoint, overflowName)); err != nil || c.env.Name != "" && string(owner) != c.owner() {
		return false // of another channel: the folders are the same where nobody names them
	}
	for _, dir := range dirs.data {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if segmentName.MatchString(e.Name()) {
				return true
			}
		}
	}
	return false
}

// Disown closes a channel of NewOverflow that is empty and not used any more.
func (c *Channel) Disown() error {
	dirs, err := c.folders()
	if err != nil {
		return err
	}
	return errors.Join(forget(filepath.Join(dirs.checkpoint, overflowName)), c.Close())
}

// owner is whose log it is.
func (c *Channel) owner() string { return c.env.Agent + "\n" + c.env.Name }

// Called names the channel before it is opened.
func (c *Channel) Called(env flume.Env) { c.env = env }

func forget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
