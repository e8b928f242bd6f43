package cli

import (
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// Shared are the settings that all commands on streams of records have.
type Shared struct {
	OnError string
	chosen  bool // somebody has said what to do with records that cannot be used
	Strict  bool
	Quiet   bool
	Verbose bool
	Workers int
	TZ      string
	Explain bool
	Grace   time.Duration
	Config  string
}

// Options declares the settings of a command on a stream of records.
func (sh *Shared) Options(s *option.Set) {
	sh.OnError = "skip"
	o := s.Add("on-error", &onError{sh}, "what to do with a record that cannot be used: skip it, stop, or keep its line in the file `F`")
	o.Words = []string{"skip", "stop", "file="}
	s.Bool(&sh.Strict, "strict", "exit with 3 where records were rejected or late, or do not add up")
	s.Int(&sh.Workers, "workers", 0, "`number` of cores to use; 0 = all")
	s.String(&sh.TZ, "tz", "UTC", "time `zone` for times without one and for printing")
	s.Bool(&sh.Explain, "explain", "print the plan and move nothing")
	s.Duration(&sh.Grace, "grace", DefaultGrace, "on SIGINT or SIGTERM drain for up to this `duration`; pipes are read to their end for half of it")
	sh.Common(s)
}

// Common declares the settings that every command has.
func (sh *Shared) Common(s *option.Set) {
	if sh.Grace == 0 {
		sh.Grace = DefaultGrace
	}
	s.Bool(&sh.Quiet, "quiet,q", "no counts and no progress on standard error")
	s.Bool(&sh.Verbose, "verbose,v", "tell more on standard error")
	s.String(&sh.Config, "config", "", "read settings from this `file`")
}

// location loads the time zone.
func (sh *Shared) location() (*time.Location, error) {
	if sh.TZ == "" || sh.TZ == "UTC" {
		return time.UTC, nil
	}
	loc, err := time.LoadLocation(sh.TZ)
	if err != nil {
		return nil, fault.Hint(fault.Usagef("--tz: unknown time zone %q", sh.TZ),
			"a name such as Europe/Berlin, UTC, or Local")
	}
	return loc, nil
}

// Words writes the settings that change records as words of a command line.
func (sh *Shared) Words() []string {
	var words []string
	if sh.OnError != "skip" {
		words = append(words, "--on-error", sh.OnError)
	}
	if sh.Strict {
		words = append(words, "--strict")
	}
	if sh.TZ != "UTC" {
		words = append(words, "--tz", sh.TZ)
	}
	return words
}

// onError is the value of --on-error.
type onError struct{ sh *Shared }

func (v *onError) Set(s string) error {
	if s == "skip" || s == "stop" || strings.HasPrefix(s, "file=") && len(s) > len("file=") {
		v.sh.OnError, v.sh.chosen = s, true
		return nil
	}
	return fault.Usagef("want skip, stop or file=F, not %q", s)
}

func (v *onError) String() string { return v.sh.OnError }

func (v *onError) Type() string { return "what" }
