package flume

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Nobody makes files in the folders by which the kernel shows its state, though
// their modes say that root may.
func TestSurveyOfTheKernel(t *testing.T) {
	for _, folder := range []string{"/proc", "/proc/self", "/sys", "/sys/kernel"} {
		if _, err := os.Stat(folder); err != nil {
			t.Skip("this system does not show its kernel: ", err)
		}
		name := strings.Replace(strings.Split(folder, "/")[1], "sys", "sysfs", 1)
		why := "no files can be made in " + folder + ": it shows the state of the kernel (" + name + ")"
		made := "p: " + folder + "/no/such cannot be made, since " + why + "; name another place"
		for _, test := range []struct {
			got  []Problem
			want string
		}{
			{SurveyFolder("p", folder, true), "p: " + why + "; name another folder"},
			{SurveyFolder("p", folder, false), ""},
			{SurveyFolder("p", folder+"/no/such", true), made},
			{SurveyFolder("p", folder+"/no/such", false), made},
			{SurveyMade("p", folder), "p: " + why + "; name another place"},
			{SurveyMade("p", folder+"/no/such"), made},
		} {
			if got := words(test.got); got != test.want {
				t.Errorf("%s:\n got %s\nwant %s", folder, got, test.want)
			}
		}
	}
}

// words are the messages and fixes of problems.
func words(all []Problem) string {
	var texts []string
	for _, problem := range all {
		texts = append(texts, problem.Message+"; "+problem.Fix)
	}
	return strings.Join(texts, "\n")
}

// TestSurveyReadOnly looks at a folder that is mounted for reading alone: it runs
// itself where mounts are its own.
func TestSurveyReadOnly(t *testing.T) {
	dir := os.Getenv("LOGPIPE_READ_ONLY")
	if dir == "" {
		dir = t.TempDir()
		cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs -o ro none "$LOGPIPE_READ_ONLY" || exit 77; exec "$0" -test.run '^TestSurveyReadOnly$'`, os.Args[0])
		cmd.Env = append(os.Environ(), "LOGPIPE_READ_ONLY="+dir)
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 77 || strings.Contains(string(out), "unshare") {
			t.Skipf("this user cannot mount: %v %s", err, out)
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	why := "the file system of " + dir + " is read-only"
	const fix = "; mount it for writing, or name another "
	for _, test := range []struct {
		got  []Problem
		want string
	}{
		{SurveyFolder("p", dir, true), "p: " + why + fix + "folder"},
		{SurveyFolder("p", dir, false), ""},
		{SurveyFolder("p", dir+"/x", true), "p: " + dir + "/x cannot be made, since " + why + fix + "place"},
		{SurveyMade("p", dir), "p: " + why + fix + "place"},
		{SurveyMade("p", dir+"/x"), "p: " + dir + "/x cannot be made, since " + why + fix + "place"},
	} {
		if got := words(test.got); got != test.want {
			t.Errorf("got %s\nwant %s", got, test.want)
		}
	}
}
