package flume

import "strings"

// Type is one row of a table of component types.
type Type[C any] struct {
	Alias   string   // short name, any case; "" if the type has none
	Classes []string // Java class names, Flume's own first
	Help    string   // one line
	// New makes a component and describes its properties. It is nil for the
	// types of Flume that logpipe does not have.
	New func(*Properties) C
	// Instead says what logpipe offers for a type that it will not have.
	Instead string
}

// Name is the alias, or the class of a type without one.
func (t *Type[C]) Name() string {
	if t.Alias != "" {
		return t.Alias
	}
	return t.Classes[0]
}

// Table is the list of the types of one kind of component. A table is built by
// the package that owns the kind, in one place.
type Table[C any] []Type[C]

// Lookup finds a type by its alias in any case or by its class name.
func (t Table[C]) Lookup(name string) *Type[C] {
	for i := range t {
		if t[i].Alias != "" && strings.EqualFold(t[i].Alias, name) {
			return &t[i]
		}
		for _, c := range t[i].Classes {
			if c == name {
				return &t[i]
			}
		}
	}
	return nil
}

// Names lists all aliases and class names.
func (t Table[C]) Names() []string {
	var names []string
	for i := range t {
		if t[i].Alias != "" {
			names = append(names, t[i].Alias)
		}
		names = append(names, t[i].Classes...)
	}
	return names
}

// Problem is a mistake between the properties of one component.
type Problem struct {
	Property string // whose line to name
	Offset   int    // in the property's value, in characters, where the mistake is
	Message  string // what is wrong, lower-case
	Fix      string // the next step
	// Harmless says that Flume runs with it, and does what the rest of the file
	// says: a warning.
	Harmless bool
	Note     bool // it is no mistake, but worth a word
	Diverts  bool // Flume runs with it, but events go where nobody wants them: an error
	// Here says that something is wrong with this machine, not with the file: it
	// is a warning of a check, which may be made elsewhere, and stops a start,
	// unless it is Harmless.
	Here bool
}

// Checker is a component that checks its properties against each other. Check
// opens nothing and writes nothing.
type Checker interface{ Check() []Problem }

// Batcher is a source or sink that moves events in batches; its property must
// not exceed the transactionCapacity of its channels.
type Batcher interface {
	// Batch names the property and its value.
	Batch() (property string, events int)
}

// Troubled is a component that goes on trying by itself where something does not
// answer. Trouble says what that is, at once and without asking anybody; "" means
// that all is well. It may be called at any time, by any goroutine.
type Troubled interface{ Trouble() string }

// PropertyError is an error of Open that is about a property, so that people are
// told where it stands.
type PropertyError struct {
	Properties []string // one that the file sets is named; the first one first
	Err        error
}

func (e *PropertyError) Error() string { return e.Err.Error() }

func (e *PropertyError) Unwrap() error { return e.Err }

// OfProperty says which properties err is about. A nil err stays nil.
func OfProperty(err error, properties ...string) error {
	if err == nil {
		return nil
	}
	return &PropertyError{properties, err}
}
