package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/catalog"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// TestGrammar holds that a stage of run reads its flags as the command does.
func TestGrammar(t *testing.T) {
	for _, words := range []string{
		"access -n 5", "access -n5", "-n=5 access", "--count 5 access", "--count=5 access",
		"--json access", "--json=false access", "--json=maybe access", "access -- -n 5", "-- access",
		"- access", "--rate 1e3 --seed -4 access", "--every 1m30s --batch 0..50 access", "--cuont 3", "-x",
		"-n", "--count", "-n many", "--rate", "-nx", "--step 3d", "--help=x", "--", "", "---", "--=x", "-=",
	} {
		type outcome struct {
			args   string
			values []string
			failed bool
		}
		values := func(s *option.Set) (list []string) {
			for _, o := range s.All() {
				list = append(list, o.Name+"="+o.Value.String())
			}
			return list
		}
		gen, _ := catalog.Lookup("gen")
		ours := gen.New()
		args, _, err := catalog.ParseOptions(&ours.Settings, strings.Fields(words))
		a := outcome{strings.Join(args, " "), values(&ours.Settings), err != nil}

		theirs := gen.New()
		cmd := &cobra.Command{Use: "gen", DisableFlagParsing: false}
		addFlags(cmd, &theirs.Settings)
		err = cmd.ParseFlags(strings.Fields(words))
		b := outcome{strings.Join(cmd.Flags().Args(), " "), values(&theirs.Settings), err != nil}
		if err != nil {
			err = flagError(cmd, err)
			if fault.CodeOf(err) != fault.Usage {
				t.Errorf("%q: exit code %d", words, fault.CodeOf(err))
			}
		}
		if a.failed != b.failed || !a.failed && (a.args != b.args || !slices.Equal(a.values, b.values)) {
			t.Errorf("%q: a stage reads %+v, the command %+v", words, a, b)
		}
	}
}
