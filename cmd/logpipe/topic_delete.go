package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/logpipe/logpipe/pkg/kafka"
	"github.com/logpipe/logpipe/pkg/option"
)

func (t *topicCommand) deleteOptions(s *option.Set) {
	s.Bool(&t.ifExists, "if-exists", "be content with a topic that does not exist")
	t.yesOption(s)
}

func (t *topicCommand) delete(ctx context.Context, a *kafka.Admin, names []string) error {
	for _, name := range names {
		if err := t.confirm(fmt.Sprintf("topic %q with its records", name)); err != nil {
			return err
		}
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
