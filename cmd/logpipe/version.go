package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/geo"
)

// Set by the linker for releases: -X main.version=1.2.3 -X main.commit=… -X main.date=…
var version, commit, date string

// newVersion makes the command that says what this program is made of.
func newVersion(app *cli.App) *cobra.Command {
	return &cobra.Command{
		Use:                   "version",
		Short:                 "print the version and the data that is built in",
		GroupID:               string(catalog.Run),
		Args:                  noArgs,
		DisableFlagsInUseLine: true,
		RunE: func(*cobra.Command, []string) error {
			return printVersion(app)
		},
	}
}

// printVersion prints what `logpipe version` and --version do.
func printVersion(app *cli.App) error {
	v, c, d := build()
	if d != "" {
		c += " of " + d
	}
	_, err := fmt.Fprintf(app.Out, "logpipe %s (commit %s, %s, %s/%s)\n%s\n",
		v, c, runtime.Version(), runtime.GOOS, runtime.GOARCH, places())
	return err
}

// places tells of the built-in table of countries.
func places() string {
	a := geo.About()
	return fmt.Sprintf("countries: %s of %s, %s, %s networks", a.Name, a.Date, a.Licence, cli.Count(int64(a.Entries)))
}

// build is the version, the commit and its day ("" if it is not known), from the
// linker or from what Go notes in the binary.
func build() (v, c, d string) {
	v, c, d = version, commit, date
	info, ok := debug.ReadBuildInfo()
	if v == "" && ok && info.Main.Version != "(devel)" {
		v = info.Main.Version
	}
	if ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && c == "":
				c = s.Value[:min(len(s.Value), 12)]
			case s.Key == "vcs.time" && d == "":
				d = s.Value
			}
		}
	}
	d, _, _ = strings.Cut(d, "T")
	return cmp.Or(v, "dev"), cmp.Or(c, "unknown"), d
}

// noArgs refuses words that a command has no use for.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fault.Usagef("takes no word, but got %q", args[0])
	}
	return nil
}
