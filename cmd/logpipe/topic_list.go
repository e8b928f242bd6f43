package main

import (
	"context"
	"io"
	"strings"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) listOptions(s *option.Set) {
	s.Bool(&t.internal, "internal", "also those that the brokers keep for themselves")
	var ignored bool
	s.Bool(&ignored, "exclude-internal", "the default").Hidden = true
}

func noName(names []string) error {
	if len(names) > 0 {
		return fault.Hint(fault.Usagef("takes no name, but got %q", names[0]), "logpipe topic describe %s", names[0])
	}
	return nil
}

func (t *topicCommand) list(ctx context.Context, a *kafka.Admin, _ []string) error {
	all, err := a.ListTopics(ctx, t.internal)
	if err != nil || len(all) == 0 {
		return err
	}
	_, err = io.WriteString(t.app.Out, strings.Join(all, "\n")+"\n")
	return err
}
