package main

import (
	"fmt"
	"strings"

	"github.com/logpipe/logpipe/pkg/expr"
)

// expressions is the help topic on the language of where, select, set, each and
// aggregate.
func expressions() string {
	var b strings.Builder
	b.WriteString(`An expression is written as in SQL, and quoted for the shell:

  0.8*clicks + 0.8*minutes + like
  status >= 400 and path =~ "^/course/"
  if(contains(agent, "bot"), "robot", country)

Values
  12  2.5  1e9  'text'  "text"  true  false  null
  name  a.b (the flat key first, then the path)  a[0]  a[-1] (the last)  ['odd name']['another']

Operators, the strongest first
  -                           the number with the other sign
  * / %                       / is never cut to a whole number; by zero null
  + -                         whole numbers stay exact within 64 bits
  == != < <= > >=             = and <> are understood too
  in (…)  not in (…)          one of a list
  =~ !~                       regular expressions, as in Go
  is null  is not null
  not !
  and &&  or ||

Rules
  An absent field is null, and a result of null is null, as in SQL. where keeps
  what is neither false nor null: where course means that there is a course.
  Numbers and texts never turn into each other: 1 == "1" is false, 1 < "1" null.
  Characters and elements count from 0; a negative place counts from the end.

Functions, with an example each
`)
	group := ""
	for _, f := range expr.Functions() {
		if f.Group != group {
			group = f.Group
			fmt.Fprintf(&b, "\n  %s\n", group)
		}
		fmt.Fprintf(&b, "    %-32s  %s\n", f.Signature, f.Help)
		if f.Example != "" {
			fmt.Fprintf(&b, "    %-32s  %s -> %s\n", "", f.Example, f.Result)
		}
	}
	return b.String()
}
