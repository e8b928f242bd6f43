package file

import (
	"fmt"
	"strings"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/flumelog"
)

// surveyFlume tells of events that Apache Flume's file channel left in the folders:
// they stay as they are, and logpipe does not deliver them.
func surveyFlume(f folders) []flume.Problem {
	rest := flumelog.Count(f.data, f.checkpoint)
	if rest.Logs == 0 {
		return nil
	}
	p := flume.Problem{Property: "dataDirs", Message: aboutFlume(rest), Here: true, Harmless: true,
		Fix: "while logpipe does not run, run Flume with this file, but without its sources, until ChannelSize is 0; " +
			"or give logpipe a checkpointDir and dataDirs of its own and let such a Flume deliver the rest beside it"}
	if rest.Events == 0 && rest.Doubt == nil {
		p.Here, p.Harmless, p.Note = false, false, true
		p.Fix = "delete the files log-* once you do not want to go back to Flume"
	}
	return []flume.Problem{p}
}

// aboutFlume words what is in the logs of Flume.
func aboutFlume(rest flumelog.Rest) string {
	in := strings.Join(rest.Folders, ", ")
	const unread = "and logpipe does not read them"
	switch {
	case rest.Doubt != nil:
		return fmt.Sprintf("Apache Flume may have left undelivered events in %s, %s: %d could be counted, but %v", in, unread, rest.Events, rest.Doubt)
	case rest.Events == 0:
		return fmt.Sprintf("the log files of Apache Flume in %s have no event left", in)
	case rest.AtMost:
		return fmt.Sprintf("Apache Flume left up to %s in %s, %s (it may have deleted the log files that tell that some were delivered)",
			undelivered(rest.Events), in, unread)
	}
	return fmt.Sprintf("Apache Flume left %s in %s, %s", undelivered(rest.Events), in, unread)
}

func undelivered(n int) string {
	if n == 1 {
		return "1 undelivered event"
	}
	return fmt.Sprintf("%d undelivered events", n)
}
