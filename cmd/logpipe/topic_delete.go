package main

import (
	"context"
	"errors"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) deleteOptions(s *option.Set) {
	s.Bool(&t.ifExists, "if-exists", "be content with a topic that does not exist")
}

func someName(names []string) error {
	if len(names) == 0 {
		return fault.Hint(fault.Usagef("say which topic"), "logpipe topic list shows the topics")
	}
	return nil
}

func (t *topicCommand) delete(ctx context.Context, a *kafka.Admin, names []string) error {
	for _, name := range names {
		err := a.DeleteTopics(ctx, name)
		if t.ifExists && errors.Is(err, kafka.ErrNoTopic) {
			t.say("topic %q does not exist", name)
			continue
		}
		if err != nil {
			return err
		}
		t.say("deleted topic %q", name)
	}
	return nil
}
