package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
)

// Names of a broker's files and folders.
const (
	tempPrefix = "logpipe-broker-"
	lockName   = "broker.lock"
)

// openTemp makes a temporary folder for the log. What brokers that were killed
// have left of theirs goes.
func (b *Broker) openTemp() (string, error) {
	RemoveDead(tempPrefix, ".", b.log)
	dir, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		return "", fmt.Errorf("temporary folder for the broker: %w", err)
	}
	b.temp = true
	return dir, nil
}

// RemoveDead removes the temporary folders of this user whose names begin with
// prefix and in which a broker that is gone kept its log, in the folder within.
// A broker's lock ends with its process, so that a folder whose lock can be had
// is nobody's; one without the process id that the holder of a lock writes may
// be about to be used, and stays.
func RemoveDead(prefix, within string, log *slog.Logger) {
	found, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	if err != nil { // a pattern in the name of the temporary folder
		return
	}
	for _, dir := range found {
		info, err := os.Lstat(dir)
		if err != nil || !info.IsDir() || !isOurs(info) || !isDead(filepath.Join(dir, within, lockName)) {
			continue
		}
		err = os.RemoveAll(dir)
		log.Debug("removed what a process that is gone has left", "folder", dir, "error", err)
	}
}

func isDead(lock string) bool {
	if holderOf(lock) == 0 {
		return false
	}
	held, err := lockDir(lock)
	if err != nil {
		return false
	}
	return held.Close() == nil
}

// Abandon removes a temporary folder while the broker runs, and the way to it of
// other processes: for a process that ends without Close.
func (b *Broker) Abandon() {
	if b.control != nil {
		b.control.Close()
	}
	if b.temp {
		b.removeTemp()
	}
}

// removeTemp removes the temporary folder, whoever uses it.
func (b *Broker) removeTemp() {
	// A segment that is written meanwhile makes it fail.
	for range 3 {
		if err := os.RemoveAll(b.dir); err == nil || errors.Is(err, os.ErrPermission) {
			return
		}
	}
}
