package op

import (
	"io"
	"os"

	"golang.org/x/sys/windows"
)

// acceptEscapes makes a console obey control sequences; newer ones do anyway.
func acceptEscapes(w io.Writer) {
	f, ok := w.(*os.File)
	if !ok {
		return
	}
	var mode uint32
	if h := windows.Handle(f.Fd()); windows.GetConsoleMode(h, &mode) == nil {
		_ = windows.SetConsoleMode(h, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
}
