package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/viper"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// Setting is a value that a command takes from the environment or from the
// configuration file where its flag is not given.
type Setting struct {
	Name   string // of the flag and of the file's key
	Value  string
	Origin string // "default", the variable's name, or the file's
}

// settings reads the environment and the configuration file, the file once and
// only if there is one.
type settings struct {
	app  *App
	read bool
	path string
	file *viper.Viper // nil without a file
}

// connection are the settings of commands that talk to servers, and of those
// that look places up.
func connection(s *option.Set) {
	var kafka option.Set
	new(catalog.Kafka).Options(&kafka)
	for _, o := range kafka.All() {
		if !o.Hidden || o.Secret {
			s.Add(o.Name, o.Value, o.Help).Secret = o.Secret
		}
	}
	var geo string
	s.String(&geo, "geo", "", "database of places")
}

// names of the settings, with their defaults; those of one call are left out.
func known() *option.Set {
	var all, kept option.Set
	connection(&all)
	new(Shared).Options(&all)
	for _, o := range all.All() {
		if o.Name != "explain" && o.Name != "config" {
			kept.Add(o.Name, o.Value, o.Help).Secret = o.Secret
		}
	}
	return &kept
}

// Settings returns what fills the settings of a command that were not given as
// flags: LOGPIPE_* first, then the configuration file.
func (a *App) Settings() catalog.Settings {
	s := &settings{app: a}
	names := known()
	return func(set *option.Set, given []string) error {
		for _, o := range set.All() {
			if names.Lookup(o.Name) == nil || slices.Contains(given, o.Name) {
				continue
			}
			found, ok, err := s.lookup(o.Name, o.Secret)
			if err != nil {
				return err
			}
			if !ok {
				a.nearMiss(o, names)
				continue
			}
			if err := o.Value.Set(found.Value); err != nil {
				return catalog.WrongValue(found.Origin+" ("+o.Name+")", o, err)
			}
		}
		return nil
	}
}

// ListSettings returns every setting with its value and origin.
func (a *App) ListSettings() ([]Setting, error) {
	s := &settings{app: a}
	if err := s.load(); err != nil {
		return nil, err
	}
	var list []Setting
	names := known()
	for _, o := range names.All() {
		found, ok, err := s.lookup(o.Name, o.Secret)
		if err != nil {
			return nil, err
		}
		if !ok {
			a.nearMiss(o, names)
			found = Setting{o.Name, o.Default, "default"}
		} else if err := o.Value.Set(found.Value); err != nil {
			return nil, catalog.WrongValue(found.Origin+" ("+o.Name+")", o, err)
		} else if o.Secret {
			found.Value = "(hidden)"
		}
		list = append(list, found)
	}
	return list, nil
}

// Variable is the name of a setting's environment variable.
func Variable(name string) string {
	return "LOGPIPE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// nearMiss tells, once, of a variable that was most likely meant to be that of o,
// which has no value: it has one letter more, less or other, and is nobody's.
func (a *App) nearMiss(o *option.Option, names *option.Set) {
	want := Variable(o.Name)
	for _, line := range a.Variables() {
		name, value, _ := strings.Cut(line, "=")
		if value == "" || !strings.HasPrefix(name, "LOGPIPE_") || len(want) < len("LOGPIPE_")+4 || option.Distance(name, want) != 1 {
			continue
		}
		if name == "LOGPIPE_CONFIG" || slices.ContainsFunc(names.All(), func(o *option.Option) bool { return Variable(o.Name) == name }) {
			continue
		}
		if o.Secret {
			want = Variable(o.Name + "-file")
		}
		if _, told := a.misses.LoadOrStore(name, true); !told && !a.Shared.Quiet {
			a.Say("the environment's %s has no effect", name)
			a.Hint("did you mean %s?", want)
		}
	}
}

func (s *settings) lookup(name string, secret bool) (Setting, bool, error) {
	if v, ok := s.app.Environ(Variable(name)); ok && v != "" {
		if secret {
			return Setting{}, false, fault.Hint(fault.Usagef("%s: a secret in the environment is seen by others", Variable(name)),
				"%s names a file that holds it", Variable(name+"-file"))
		}
		return Setting{name, v, Variable(name)}, true, nil
	}
	if err := s.load(); err != nil {
		return Setting{}, false, err
	}
	if s.file == nil || !s.file.IsSet(name) {
		return Setting{}, false, nil
	}
	value := s.file.GetString(name)
	if list, ok := s.file.Get(name).([]any); ok && len(list) > 0 {
		value = strings.Join(s.file.GetStringSlice(name), ",")
	}
	return Setting{name, value, s.path}, true, nil
}

// ConfigFile is the path of the configuration file, and whether it was named:
// one that was named must exist.
func (a *App) ConfigFile() (path string, named bool) {
	if a.Shared.Config != "" {
		return a.Shared.Config, true
	}
	if v, ok := a.Environ("LOGPIPE_CONFIG"); ok && v != "" {
		return v, true
	}
	if dir, ok := a.Environ("XDG_CONFIG_HOME"); ok && filepath.IsAbs(dir) {
		return filepath.Join(dir, "logpipe", "config.yaml"), false
	}
	if home, ok := a.Environ("HOME"); ok && home != "" {
		return filepath.Join(home, ".config", "logpipe", "config.yaml"), false
	}
	if dir, err := os.UserConfigDir(); err == nil {
		return filepath.Join(dir, "logpipe", "config.yaml"), false
	}
	return "", false
}

// withoutConfig says what it means that the configuration file cannot be found.
// Only one that was named has to be there: a service runs with a home that is no
// folder, or with that of the user who started it and which it may not enter.
func (a *App) withoutConfig(path string, named bool, err error) error {
	switch denied := errors.Is(err, fs.ErrPermission); {
	case named || !denied && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR):
		return fault.With(fault.Usage, fileError(path, err))
	case denied:
		if _, told := a.misses.LoadOrStore(path, true); !told {
			a.Say("goes on without a configuration file: %v", fileError(path, err))
		}
	}
	return nil
}

// load reads the configuration file.
func (s *settings) load() error {
	if s.read {
		return nil
	}
	s.read = true
	path, named := s.app.ConfigFile()
	if path == "" {
		return nil
	}
	if _, err := os.Stat(path); err != nil {
		return s.app.withoutConfig(path, named, err)
	}
	v, err := readConfig(path, known())
	if err != nil {
		return err
	}
	s.path, s.file = path, v
	return nil
}
