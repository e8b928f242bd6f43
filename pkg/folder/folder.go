// Package folder has what operating systems do each in their own way with the
// folders that hold somebody's files: the lock that one process has, a file that is
// replaced whole, names that outlast a loss of power, and the room that is left.
package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// ErrHeld is a lock that another holder has, which may be of this process.
var ErrHeld = errors.New("held by another")

// Absolute is the path of a file or folder from the root; a leading ~/ is the home of
// the user.
func Absolute(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		path = filepath.Join(home, rest)
	}
	return filepath.Abs(path)
}
