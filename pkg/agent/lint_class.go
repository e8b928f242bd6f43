package agent

import (
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
