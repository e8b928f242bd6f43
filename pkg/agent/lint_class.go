package agent

import (
	"fmt"
	"slices"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
)

// checkClass reports a Java class that is no type: one of others, or one of
// Flume's that is misspelt. A class that is named as one that logpipe does not
// have, in another package, gets the same answer.
func checkClass[C any](l *linter, e *entry, word string, table flume.Table[C]) {
	last := simpleName(e.value)
	var known []string
	for i := range table {
		for _, class := range table[i].Classes {
			if simpleName(class) == last && table[i].New == nil && table[i].Instead != "" {
				l.report(Error, e.valueAt, "instead: "+table[i].Instead, "%s type %s is not supported", word, e.value)
				return
			}
			known = append(known, class)
		}
	}
	fix := "classes of others are not loaded; --lenient runs the rest"
	if meant := nearestClass(strings.Replace(e.value, ".Builder", "$Builder", 1), known); meant != "" {
		fix = "did you mean \"" + meant + "\"?"
	}
	l.report(Error, e.valueAt, fix, "unknown %s type %q", word, e.value)
}

// unsupportedWord finds the type that logpipe does not have and that has no
// alias: by a word of its class, such as kudu or kite.
func unsupportedWord[C any](word string, table flume.Table[C]) *flume.Type[C] {
	for i := range table {
		if table[i].New != nil || table[i].Instead == "" {
			continue
		}
		for _, class := range table[i].Classes {
			name := strings.TrimSuffix(simpleName(class), "$Builder")
			words := strings.Split(strings.TrimPrefix(class, "org.apache."), ".")
			words = append(words, name)
			for _, kind := range []string{"Source", "Sink", "Channel", "Interceptor"} {
				words = append(words, strings.TrimSuffix(name, kind))
			}
			for _, w := range words {
				if strings.EqualFold(w, word) && !slices.Contains(packageWords, strings.ToLower(w)) {
					return &table[i]
				}
			}
		}
	}
	return nil
}

// packageWords are words of the packages of all classes.
var packageWords = []string{"flume", "source", "sink", "channel", "interceptor", "configfilter"}

// simpleName is the name of a class without its package.
func simpleName(class string) string { return class[strings.LastIndexByte(class, '.')+1:] }

// nearestClass finds the class that was probably meant: most of a long name is
// its package, so that the last word has to be alike by itself.
func nearestClass(class string, known []string) string {
	var alike []string
	for _, k := range known {
		if nearest(simpleName(class), []string{simpleName(k)}) != "" {
			alike = append(alike, k)
		}
	}
	return nearest(class, alike)
}

// typeFix names the type that was probably meant, or those that there are.
func typeFix[C any](word string, table flume.Table[C]) string {
	if near := nearest(word, table.Names()); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	var names []string
	for i := range table {
		if table[i].New != nil {
			names = append(names, table[i].Name())
		}
	}
	return "known: " + strings.Join(names, ", ")
}

// aliases lists the types that exist, for a fix.
func aliases[C any](table flume.Table[C]) string {
	var names []string
	for i := range table {
		if table[i].New != nil && table[i].Alias != "" {
			names = append(names, table[i].Alias)
		}
	}
	return strings.Join(names, " | ")
}
