package source

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A process that is just becoming another program shows neither environment nor
// arguments: whoever ends all that has the mark has to look again. One that has no
// environment, has ended or is of the kernel is not waited for.
func TestMarkedWaitsForPrograms(t *testing.T) {
	mark := markName + "=m\x00"
	for _, test := range []struct {
		name             string
		environ, cmdline string
		program          bool
		found, starting  bool
	}{
		{"marked", "A=b\x00" + mark, "sleep\x00", true, true, false},
		{"another mark", markName + "=n\x00", "sleep\x00", true, false, false},
		{"becoming another program", "", "", true, false, true},
		{"without an environment", "", "sleep\x00", true, false, false},
		{"ended, or of the kernel", "", "", false, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			proc := t.TempDir()
			process := filepath.Join(proc, fmt.Sprint(os.Getpid()+1))
			if err := os.Mkdir(process, 0o777); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"environ": test.environ, "cmdline": test.cmdline} {
				if err := os.WriteFile(filepath.Join(process, name), []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			if test.program {
				if err := os.Symlink("/bin/sh", filepath.Join(process, "exe")); err != nil {
					t.Fatal(err)
				}
			}
			var want []int
			if test.found {
				want = []int{os.Getpid() + 1}
			}
			if got, starting := marked(proc, "m"); !slices.Equal(got, want) || starting != test.starting {
				t.Errorf("%v, starting %v; want %v, %v", got, starting, want, test.starting)
			}
		})
	}
}

// What a look finds is ended also where this process was held up before it for longer
// than others may take to end; what never ends is not waited for.
func TestMarkedEndedAfterAStop(t *testing.T) {
	program := exec.CommandContext(t.Context(), "/bin/sh", "-c", "trap '' TERM; echo; while :; do sleep 1; done")
	said, err := program.StdoutPipe()
	if err == nil {
		err = program.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := said.Read(make([]byte, 1)); err != nil { // from here on it ignores SIGTERM
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		program.Wait()
		close(ended)
	}()
	looks := 0
	if left := endAll(func() ([]int, bool) {
		switch looks++; {
		case looks == 1:
			time.Sleep(4 * polite)
			return nil, true
		case looks > 2:
			<-ended
			return nil, false
		}
		return []int{program.Process.Pid}, false
	}); left != nil || looks != 3 {
		t.Errorf("%d looks; left: %v", looks, left)
	}
	looks = 0
	if left := endAll(func() ([]int, bool) { looks++; return nil, true }); left != nil || looks < insists {
		t.Errorf("%d looks for what is always about to begin; left: %v", looks, left)
	}
}
