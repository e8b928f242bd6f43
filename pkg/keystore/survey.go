package keystore

import (
	"errors"
	"io/fs"
	"os"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/flume"
)

// ErrPassword is a store that does not open with the password.
var ErrPassword = errors.New("the password is wrong, or the file is damaged")

// Survey says what is wrong with a store, which read reads: a file that is away is
// a matter of this machine, one that cannot be used a mistake. What is no file but
// a pipe or a device is left for the one that needs it. The properties are those
// of the path and of the password.
func Survey(property, password, path string, read func() error) []flume.Problem {
	if st, err := os.Stat(path); err == nil && !st.IsDir() && !st.Mode().IsRegular() {
		return nil
	}
	err := read()
	var of *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &of):
		if all := flume.SurveyFile(property, path, "put the file there, or name another one"); len(all) > 0 {
			return all
		}
		return []flume.Problem{{Property: property, Message: property + " " + path + ": " + of.Err.Error(), Fix: "let this user read it", Here: true}}
	case errors.Is(err, ErrPassword):
		property = password
	}
	fix := fault.HintOf(err)
	if fix == "" {
		fix = "`keytool -list -keystore " + path + "` shows what it holds"
	}
	return []flume.Problem{{Property: property, Message: property + ": " + err.Error(), Fix: fix}}
}
