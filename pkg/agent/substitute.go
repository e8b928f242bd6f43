package agent

import (
	"os"
	"os/user"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/timestamp"
)

// reference is a `${…}` that could not be replaced and stays as it is.
type reference struct {
	name string // what stands between the braces
	why  string // "" where nothing has this name
}

// resolver replaces `${…}` in values as Flume 1.11 does: by an environment
// variable, a system property or the value of another key. References may be
// nested and may have a default behind `:-`; `$${` is a literal `${`.
type resolver struct {
	entries map[string]*entry // all keys of the files; the last one wins
	system  map[string]string // -D
	// bare lets `${NAME}` read the environment, as Flume did before 1.10 with
	// its EnvVarResolverProperties.
	bare bool
	left int // references that may still be replaced in this value
}

const (
	// mostReplaced is how many references a value may need, with those in the
	// values that stand for them: each key that names another twice doubles them.
	mostReplaced = 1000
	// mostNested is how deep references may stand in each other.
	mostNested = 100
)

// envResolver is the class that makes `${NAME}` read the environment.
const envResolver = "org.apache.flume.node.EnvVarResolverProperties"

// substitute replaces the references in the values of all entries.
func substitute(entries []*entry, system map[string]string) {
	r := resolver{entries: map[string]*entry{}, system: system, bare: system["propertiesImplementation"] == envResolver}
	for _, e := range entries {
		r.entries[e.key] = e
	}
	values := make([]string, len(entries))
	for i, e := range entries {
		r.left = mostReplaced
		values[i] = r.expand(e.value, []string{e.key}, &e.unresolved)
	}
	// Only now: what one key refers to is the text of the other.
	for i, e := range entries {
		e.value = strings.TrimSpace(values[i])
	}
}

// expand replaces the references in text; chain are the keys that led here.
func (r *resolver) expand(text string, chain []string, unresolved *[]reference) string {
	var b strings.Builder
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			b.WriteString(text)
			return b.String()
		}
		end := closing(text[i+2:])
		if end < 0 {
			b.WriteString(text)
			return b.String()
		}
		inner, rest := text[i+2:i+2+end], text[i+2+end+1:]
		if i > 0 && text[i-1] == '$' {
			b.WriteString(text[:i-1] + "${" + inner + "}")
			text = rest
			continue
		}
		b.WriteString(text[:i])
		b.WriteString(r.replace(r.expand(inner, chain, unresolved), chain, unresolved))
		text = rest
	}
}

// closing finds the brace that ends a reference, behind those inside it.
func closing(text string) int {
	depth := 0
	for i := 0; i < len(text) && depth <= mostNested; i++ {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
			i++
		case text[i] == '}' && depth == 0:
			return i
		case text[i] == '}':
			depth--
		}
	}
	return -1
}

// replace is what stands for one reference.
func (r *resolver) replace(inner string, chain []string, unresolved *[]reference) string {
	name, otherwise, hasDefault := strings.Cut(inner, ":-")
	if r.left--; r.left < 0 {
		*unresolved = append(*unresolved, reference{inner, "the value needs too many others"})
		return ""
	}
	value, found, why := r.lookup(name, chain, unresolved)
	switch {
	case found:
		return value
	case hasDefault:
		return otherwise
	}
	*unresolved = append(*unresolved, reference{inner, why})
	return "${" + inner + "}"
}

func (r *resolver) lookup(name string, chain []string, unresolved *[]reference) (value string, found bool, why string) {
	if e := r.entries[name]; e != nil {
		if slices.Contains(chain, name) {
			return "", false, "it refers to itself"
		}
		return r.expand(e.text, append(slices.Clone(chain), name), unresolved), true, ""
	}
	kind, rest, prefixed := strings.Cut(name, ":")
	if !prefixed {
		if r.bare {
			value, found = os.LookupEnv(name)
		}
		return value, found, ""
	}
	switch kind {
	case "env":
		if value, found = os.LookupEnv(rest); !found {
			why = "the environment has no variable " + rest
		}
	case "sys":
		if value, found = r.property(rest); !found {
			why = "there is no system property " + rest + "; set it with -D" + rest + "=…"
		}
	case "date":
		pattern, err := timestamp.FromJava(rest)
		if err != nil {
			return "", false, err.Error()
		}
		return string(timestamp.Strftime(nil, time.Now().UnixNano(), time.Local, pattern)), true, ""
	case "java", "const", "file", "script", "url", "urlEncoder", "urlDecoder", "base64Encoder", "base64Decoder", "dns",
		"localhost", "properties", "resourceBundle", "xml":
		why = "a lookup of " + kind + " is not supported; use env, sys, date or another key"
	}
	return value, found, why
}

// property is a system property: of the command line, or one that every Java
// program has.
func (r *resolver) property(name string) (string, bool) {
	if value, found := r.system[name]; found {
		return value, true
	}
	var value string
	var err error
	switch name {
	case "user.home":
		value, err = os.UserHomeDir()
	case "user.dir":
		value, err = os.Getwd()
	case "user.name":
		var u *user.User
		if u, err = user.Current(); err == nil {
			value = u.Username
		}
	case "java.io.tmpdir":
		value = os.TempDir()
	case "os.name":
		value = runtime.GOOS
	case "file.separator":
		value = string(os.PathSeparator)
	case "path.separator":
		value = string(os.PathListSeparator)
	default:
		return "", false
	}
	return value, err == nil
}
