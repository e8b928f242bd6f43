package source

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/logpipe/logpipe/pkg/flume"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// runInto runs a source into a channel until ctx ends.
func runInto(ctx context.Context, s Source, c flume.Channel) error {
	logf := func(string, ...any) {}
	if err := s.Open(flume.Env{Name: "r1", Logf: logf}); err != nil {
		return err
	}
	defer s.Close()
	return s.Run(ctx, NewOutput(ctx, OutputConfig{Required: []flume.Channel{c}, Logf: logf}))
}

// Kill -9 while a log is written and rotated: no line is lost.
func TestTaildirKilled(t *testing.T) {
	logpipetest.Kill{Kills: 50, Twice: -1,
		Run: func(ctx context.Context, folder string, c flume.Channel) error {
			return runInto(ctx, configure(t, NewTaildir, "filegroups=g", "filegroups.g="+filepath.Join(folder, `.*\.log.*`),
				"positionFile="+filepath.Join(folder, "pos", "p.json"), "writePosInterval=5", "maxBackoffSleep=100"), c)
		},
		Feed: func(t *testing.T, folder string) (want []string) {
			path := filepath.Join(folder, "a.log")
			for round := range 40 {
				f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o666)
				if err != nil {
					t.Error(err)
					return want
				}
				for i := range 300 {
					line := fmt.Sprintf("%d line %d", round, i)
					want = append(want, line)
					fmt.Fprintln(f, line)
					if i%20 == 0 {
						time.Sleep(3 * time.Millisecond)
					}
				}
				os.Rename(path, fmt.Sprintf("%s.%d", path, round))
				fmt.Fprintf(f, "%d last\n", round)
				want = append(want, fmt.Sprintf("%d last", round))
				f.Close()
			}
			return want
		}}.Test(t)
}

// Kill -9 while files are put into a folder: no line is lost, and each kill
// repeats at most the batch that was on its way.
func TestSpooldirKilled(t *testing.T) {
	const kills, batch = 50, 20
	logpipetest.Kill{Kills: kills, Twice: kills * batch,
		Run: func(ctx context.Context, folder string, c flume.Channel) error {
			return runInto(ctx, configure(t, NewSpooldir, "spoolDir="+folder, "pollDelay=5", fmt.Sprint("batchSize=", batch)), c)
		},
		Feed: func(t *testing.T, folder string) (want []string) {
			for n := range 60 {
				var text strings.Builder
				for i := range 500 {
					line := fmt.Sprintf("%d line %d", n, i)
					want = append(want, line)
					text.WriteString(line + "\n")
				}
				path := filepath.Join(folder, fmt.Sprintf("%d.log", n))
				if err := os.WriteFile(path+".COMPLETED.tmp.COMPLETED", []byte(text.String()), 0o666); err != nil {
					t.Error(err)
				}
				if err := os.Rename(path+".COMPLETED.tmp.COMPLETED", path); err != nil {
					t.Error(err)
				}
				time.Sleep(20 * time.Millisecond)
			}
			return want
		}}.Test(t)
}
