package broker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Secret is a password. No message shows it.
type Secret string

// String does not show it.
func (Secret) String() string { return "(hidden)" }

// GoString does not show it.
func (Secret) GoString() string { return `"(hidden)"` }

// Users are the names that may log in, with their passwords.
type Users map[string]Secret

// ReadUsers reads a file of users: NAME:PASSWORD in each line, where empty lines
// and those that begin with # are left out. Its errors name the line, and show
// nothing of it.
func ReadUsers(r io.Reader) (Users, error) {
	users := Users{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, password, ok := strings.Cut(line, ":")
		switch {
		case !ok || name == "" || password == "":
			return nil, fmt.Errorf("line %d: want NAME:PASSWORD", n)
		case strings.ContainsRune(line, 0):
			return nil, fmt.Errorf("line %d: holds a zero byte", n)
		}
		if _, ok := users[name]; ok {
			return nil, fmt.Errorf("line %d: its user is there already", n)
		}
		users[name] = Secret(password)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, errors.New("holds no user: want lines of NAME:PASSWORD")
	}
	return users, nil
}
