package flume

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSurveyFolders(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.WriteFile("file", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		got  []Problem
		want string
	}{
		{"there", SurveyFolder("p", dir, true), ""},
		{"not set", SurveyFolder("p", "", true), ""},
		{"missing", SurveyFolder("p", "/no/it's", true), `p: there is no /no/it's on this machine; make the folder: mkdir -p '/no/it'\''s'`},
		{"missing here", SurveyFolder("p", "x", true), "p: there is no x in " + dir + "; make the folder: mkdir -p x"},
		{"a file", SurveyFolder("p", "file", true), "p file is no folder; name a folder"},
		{"below a file", SurveyFolder("p", "file/x", true), "p file/x: not a directory; name another folder"},
		{"made", SurveyMade("p", filepath.Join(dir, "a", "b")), ""},
		{"made, relative", SurveyMade("p", "a/b"), ""},
		{"made, there", SurveyMade("p", dir), ""},
		{"made, a file", SurveyMade("p", "file"), "p: file is no folder; name another place"},
		{"made below a file", SurveyMade("p", "file/a/b"), "p: file/a/b cannot be made, since file is no folder; name another place"},
		{"file", SurveyFile("p", "file", "f"), ""},
		{"file that is a folder", SurveyFile("p", dir, "f"), "p " + dir + " is a folder; f"},
		{"no file", SurveyFile("p", "/no/such", "f"), "p: there is no /no/such on this machine; f"},
		{"locked, read", SurveyFolder("p", locked, false), ""},
	}
	if access(locked) != nil { // for root it is
		tests = append(tests, []struct {
			name string
			got  []Problem
			want string
		}{
			{"locked", SurveyFolder("p", locked, true), "p: this user cannot write into " + locked + "; let this user write there, or name another folder"},
			{"made, locked", SurveyMade("p", locked), "p: this user cannot write into " + locked + "; let this user write there, or name another place"},
			{"made below locked", SurveyMade("p", locked+"/x"), "p: " + locked + "/x cannot be made, since this user cannot write into " + locked + "; let this user write there, or name another place"},
		}...)
	}
	for _, test := range tests {
		var texts []string
		for _, problem := range test.got {
			texts = append(texts, problem.Message+"; "+problem.Fix)
			if !problem.Here || problem.Property != "p" {
				t.Errorf("%s: %+v", test.name, problem)
			}
		}
		if got := strings.Join(texts, "\n"); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
}
