// Command logpipe collects, carries and computes records. Every operator is a
// command that reads lines and writes lines, so that a shell pipe is a program;
// `logpipe run` runs the same text in one process.
//
// This package only makes commands of the table in pkg/catalog: the work is
// done in pkg.
package main

import (
	"context"
	"os"
	_ "time/tzdata" // --tz works where no time zones are installed

	"github.com/logpipe/logpipe/pkg/cli"
)

func main() {
	forgetStart() // of packages
	app := cli.New(cli.System())
	os.Exit(app.Main(func(ctx context.Context) error {
		args := os.Args[1:]
		if calledFlume(os.Args[0]) {
			words, done, err := flumeWords(app, args)
			if done {
				return err
			}
			args = words
		}
		return execute(ctx, app, args)
	}))
}
