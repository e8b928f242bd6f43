package fault

import (
	"errors"
	"fmt"
	"testing"
)

func TestCodesAndHintsSurviveWrapping(t *testing.T) {
	cause := errors.New("connection refused")
	err := fmt.Errorf("create topic: %w", Hint(With(Unreachable, cause), "start one with %s", "logpipe broker"))
	if CodeOf(err) != Unreachable || HintOf(err) != "start one with logpipe broker" || !errors.Is(err, cause) {
		t.Errorf("%v: code %d, hint %q", err, CodeOf(err), HintOf(err))
	}
	if err.Error() != "create topic: connection refused" {
		t.Errorf("the text is %q", err)
	}
	if CodeOf(Usagef("bad")) != Usage || CodeOf(cause) != Failed || CodeOf(nil) != Done || HintOf(cause) != "" {
		t.Error("codes of plain errors")
	}
	if With(Usage, nil) != nil || Hint(nil, "x") != nil {
		t.Error("a nil error did not stay nil")
	}
}
