package agent

import (
	"fmt"
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

	done  map[string]string // values of keys in which all is replaced
	used  map[string]bool   // keys that values refer to
	some  [][2]string       // beginnings and ends of further ones, whose middle nothing stands for
	size  int               // bytes that references have brought into the value at hand
	total int               // and into all values
	steps int               // keys that were looked up
	full  bool
}

// What references may make of a file: some lines that refer to each other twice
// could make more than a machine holds.
const (
	mostReferred = 1 << 20  // bytes, in one value
	mostInAll    = 64 << 20 // bytes
	mostSteps    = 1 << 20  // keys that are looked up
	mostChain    = 1000     // keys of which each refers to the next
	mostNested   = 100      // references within one another
)

// envResolver is the class that makes `${NAME}` read the environment.
const envResolver = "org.apache.flume.node.EnvVarResolverProperties"

// substitute replaces the references in the values of all entries.
func substitute(entries []*entry, system map[string]string) {
	r := resolver{entries: map[string]*entry{}, done: map[string]string{}, used: map[string]bool{}, system: system, bare: system["propertiesImplementation"] == envResolver}
	for _, e := range entries {
		r.entries[e.key] = e
	}
	values := make([]string, len(entries))
	for i, e := range entries {
		r.size, r.full = 0, false
		values[i] = r.expand(e.value, []string{e.key}, &e.unresolved)
	}
	// Only now: what one key refers to is the text of the other.
	for i, e := range entries {
		e.value = strings.TrimSpace(values[i])
		e.used = r.used[e.key] || slices.ContainsFunc(r.some, func(ends [2]string) bool {
			return strings.HasPrefix(e.key, ends[0]) && strings.HasSuffix(e.key, ends[1])
		})
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
	value, found, why := r.lookup(name, chain, unresolved)
	switch {
	case found:
		return value
	case hasDefault:
		return otherwise
	}
	if begin, end := strings.Index(inner, "${"), strings.LastIndex(inner, "}"); begin >= 0 && end > begin {
		r.some = append(r.some, [2]string{inner[:begin], inner[end+1:]}) // what stands within it was told
	} else if !r.full { // else it was told
		*unresolved = append(*unresolved, reference{inner, why})
	}
	r.full = r.full || r.exceeded()
	return "${" + inner + "}"
}

// exceeded reports whether references have brought too much.
func (r *resolver) exceeded() bool {
	return r.size > mostReferred || r.total > mostInAll || r.steps > mostSteps
}

func (r *resolver) lookup(name string, chain []string, unresolved *[]reference) (value string, found bool, why string) {
	if e := r.entries[name]; e != nil {
		r.used[name] = true
		return r.other(e, chain, unresolved)
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

// other is the value of another key.
func (r *resolver) other(e *entry, chain []string, unresolved *[]reference) (value string, found bool, why string) {
	if i := slices.Index(chain, e.key); i >= 0 {
		return "", false, "the keys refer to each other without end: " + strings.Join(append(chain[i:len(chain):len(chain)], e.key), " -> ")
	}
	if len(chain) > mostChain {
		return "", false, fmt.Sprintf("more than %d keys refer each to the next: %s -> %s -> … -> %s", mostChain, chain[0], chain[1], e.key)
	}
	value, known := r.done[e.key]
	if !known {
		value = e.text
	}
	r.steps, r.size, r.total = r.steps+1, r.size+len(value), r.total+len(value)
	if r.exceeded() {
		return "", false, fmt.Sprintf("what %s refers to has more than %d KiB", chain[0], mostReferred>>10)
	}
	if known {
		return value, true, ""
	}
	before := len(*unresolved)
	value = r.expand(e.text, append(slices.Clone(chain), e.key), unresolved)
	if len(*unresolved) == before && !r.full {
		r.done[e.key] = value
	}
	return value, true, ""
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
