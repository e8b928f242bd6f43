package flume

import (
	"fmt"
	"path/filepath"
)

// Holder is a component that knows what it has for itself alone while it is
// open. Its Open has no other effect that lasts: a new one may be opened, and
// closed again, while the one that it is to replace works, where they hold
// nothing in common.
type Holder interface{ Holds() []Holding }

// Prober is a Holder that can find out something while it cannot be opened, for
// what it holds in common with the one that it is to replace. Probe reports why
// Open would fail later, and changes nothing.
type Prober interface{ Probe() error }

// Resumer is a component that keeps what it has done where a second one would do the
// same again, and write over it. Where it replaces another one that keeps the same,
// it is opened when that has ended.
type Resumer interface{ ResumesFrom() []Holding }

// Holding is something of the machine that one component has for itself. Equal
// ones cannot be open at once.
type Holding struct {
	Name string
	// Refused says that the system refuses it to a second one, with EADDRINUSE:
	// to try does no harm, and shows what else is wrong, such as the address.
	Refused bool
}

// HoldPort is a port of a network, such as tcp.
func HoldPort(network string, port int) Holding {
	return Holding{Name: fmt.Sprintf("%s port %d", network, port), Refused: true}
}

// HoldFolder is a folder, however its path is written.
func HoldFolder(path string) Holding { return Holding{Name: "folder " + realPath(path)} }

// HoldFile is a file, however its path is written.
func HoldFile(path string) Holding { return Holding{Name: "file " + realPath(path)} }

// realPath follows the links of a path, as far as it is there.
func realPath(path string) string {
	rest := ""
	for above := filepath.Clean(path); ; above = filepath.Dir(above) {
		if real, err := filepath.EvalSymlinks(above); err == nil {
			return filepath.Join(real, rest)
		}
		if above == filepath.Dir(above) {
			return filepath.Join(above, rest)
		}
		rest = filepath.Join(filepath.Base(above), rest)
	}
}
