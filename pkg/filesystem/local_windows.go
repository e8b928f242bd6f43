package filesystem

import "os"

// lock has nothing to do: Windows does not let others rename an open file.
func lock(*os.File) error { return nil }

// moveFile renames a file unless the name is taken.
func moveFile(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: os.ErrExist}
	}
	return os.Rename(from, to)
}

// syncFolder has nothing to do: Windows writes names with their files.
func syncFolder(string) error { return nil }
