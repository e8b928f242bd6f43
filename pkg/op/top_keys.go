package op

import (
	"os"
	"sync"
)

// keys watches the keyboard while standard input carries records. The zero keys
// hears nothing.
type keys struct {
	tty     *os.File
	restore func()
	pressed chan struct{} // closed by q
	once    sync.Once
}

// openKeys watches the controlling terminal where there is one that this
// process may read from.
func openKeys() *keys {
	tty, err := openTTY()
	if err != nil {
		return new(keys)
	}
	return watchKeys(tty)
}

// watchKeys makes tty hand over every key at once, unprinted, and reads it. Keys
// that send signals keep doing so: Ctrl-C ends the whole pipe.
func watchKeys(tty *os.File) *keys {
	restore, err := keyByKey(tty)
	if err != nil {
		tty.Close() //nolint:errcheck // nothing was written
		return new(keys)
	}
	k := &keys{tty: tty, restore: restore, pressed: make(chan struct{})}
	go k.read()
	return k
}

func (k *keys) read() {
	var buf [64]byte
	for {
		n, err := k.tty.Read(buf[:])
		for _, c := range buf[:n] {
			if c == 'q' || c == 'Q' {
				close(k.pressed)
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// quit reports whether q was pressed.
func (k *keys) quit() bool {
	select {
	case <-k.pressed:
		return true
	default:
		return false
	}
}

// close gives the terminal back as it was.
func (k *keys) close() {
	k.once.Do(func() {
		if k.tty != nil {
			k.restore()
			k.tty.Close() //nolint:errcheck // nothing was written
		}
	})
}
