package flume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Surveyor is a component that needs folders or files of this machine. Survey
// reports those without which it cannot work; it reads, and writes nothing. What
// the file says of them has been checked before.
type Surveyor interface{ Survey() []Problem }

// SurveyFolder reports a folder that has to be there, and into which a component
// writes where writes is true.
func SurveyFolder(property, path string, writes bool) []Problem {
	st, err := os.Stat(path)
	switch {
	case path == "":
		return nil // that was reported
	case errors.Is(err, fs.ErrNotExist):
		if in := barrierOf(existing(path)); in != nil && in.lasting {
			return SurveyMade(property, path)
		}
		return missing(property, path, "make the folder: mkdir -p "+quotedPath(path))
	case err != nil:
		return surveyed(property, "name another folder", "%s %s: %v", property, path, bare(err))
	case !st.IsDir():
		return surveyed(property, "name a folder", "%s %s is no folder", property, path)
	}
	if in := barrierOf(path); writes && in != nil {
		return surveyed(property, in.fix+"name another folder", "%s: %s", property, in.why)
	}
	return nil
}

// SurveyMade reports why a folder that a component makes where it is missing
// cannot be made.
func SurveyMade(property, path string) []Problem {
	above := existing(path)
	st, err := os.Stat(above)
	switch {
	case err != nil:
		return surveyed(property, "name another place", "%s %s: %v", property, path, bare(err))
	case !st.IsDir() && above == path:
		return surveyed(property, "name another place", "%s: %s is no folder", property, path)
	case !st.IsDir():
		return surveyed(property, "name another place", "%s: %s cannot be made, since %s is no folder", property, path, above)
	}
	in := barrierOf(above)
	switch {
	case in == nil:
		return nil
	case above == path:
		return surveyed(property, in.fix+"name another place", "%s: %s", property, in.why)
	}
	return surveyed(property, in.fix+"name another place", "%s: %s cannot be made, since %s", property, path, in.why)
}

// existing is the path, or the lowest place above it where something is.
func existing(path string) string {
	for {
		_, err := os.Stat(path)
		above := filepath.Dir(path)
		if above == path || !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, notFolder) {
			return path
		}
		path = above
	}
}

// barrier is why no files can be made in a folder.
type barrier struct {
	why     string // with the folder
	fix     string // what to do, or else; may be empty
	lasting bool   // it does not help to make the folder by hand
}

// barrierOf finds what keeps this user from making files in a folder. The modes of
// the file systems by which a kernel shows its state say that root may.
func barrierOf(folder string) *barrier {
	err := access(folder)
	switch name := kernels(folder); {
	case name != "":
		return &barrier{why: fmt.Sprintf("no files can be made in %s: it shows the state of the kernel (%s)", folder, name), lasting: true}
	case errors.Is(err, readOnly):
		return &barrier{why: fmt.Sprintf("the file system of %s is read-only", folder), fix: "mount it for writing, or ", lasting: true}
	case err != nil:
		return &barrier{why: "this user cannot write into " + folder, fix: "let this user write there, or "}
	}
	return nil
}

// SurveyFile reports a file that has to be there, with what to do.
func SurveyFile(property, path, fix string) []Problem {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return missing(property, path, fix)
	case err != nil:
		return surveyed(property, fix, "%s %s: %v", property, path, bare(err))
	case st.IsDir():
		return surveyed(property, fix, "%s %s is a folder", property, path)
	}
	return nil
}

// missing words that nothing is where a path leads. Java puts no home folder for
// a ~, and begins a relative path where the agent was started.
func missing(property, path, fix string) []Problem {
	where := " on this machine"
	switch {
	case strings.HasPrefix(path, "~"):
		fix = "write the path in full: only a shell knows what ~ is"
	case !filepath.IsAbs(path):
		if dir, err := os.Getwd(); err == nil {
			where = " in " + dir
		}
	}
	return surveyed(property, fix, "%s: there is no %s%s", property, path, where)
}

func surveyed(property, fix, format string, args ...any) []Problem {
	return []Problem{{Property: property, Message: fmt.Sprintf(format, args...), Fix: fix, Here: true}}
}

// quotedPath is a path as a shell takes it.
func quotedPath(path string) string {
	if strings.ContainsAny(path, " \t'\"$&;()<>|*?[\\`!#") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}

// bare is an error without the path, which the message has.
func bare(err error) error {
	var of *fs.PathError
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
