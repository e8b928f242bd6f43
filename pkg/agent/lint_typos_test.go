package agent

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestEveryTypo makes each slip in each key of files that have no mistake: two
// letters in another order, one left out, another case, a dot left out. Each has to
// be told where it stands, and no slip makes more than a handful of findings.
func TestEveryTypo(t *testing.T) {
	for name, from := range map[string]int{"typos1.conf": 0, "typos2.conf": 3} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "agent", name))
			if err != nil {
				t.Fatal(err)
			}
			t.Chdir(t.TempDir())
			for _, folder := range []string{"logs", "spool", "out"} {
				if err := os.Mkdir(folder, 0o777); err != nil {
					t.Fatal(err)
				}
			}
			everyTypo(t, strings.Split(strings.TrimSpace(string(data)), "\n"), from)
		})
	}
}

// everyTypo makes the slips in the words of keys from number from on.
func everyTypo(t *testing.T, lines []string, from int) {
	if found := findings(lines); len(found) > 0 {
		t.Fatal(found)
	}
	n := 0
	for number, line := range lines {
		key, value, _ := strings.Cut(line, " = ")
		for _, slip := range slips(key, from) {
			n++
			wrong := slices.Clone(lines)
			wrong[number] = slip + " = " + value
			found := findings(wrong)
			if len(found) > 5 || !slices.ContainsFunc(found, func(f Finding) bool { return f.Line == number+1 && f.Fix != "" && f.Level > Note }) {
				t.Errorf("line %d, %s for %s: %v", number+1, slip, key, found)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d slips", n)
	}
}

func findings(lines []string) []Finding {
	report, _ := check(Options{Name: "a1", Files: []string{"a.conf"}}, []propertyFile{{"a.conf", []byte(strings.Join(lines, "\n"))}}, purpose{})
	return report.Findings
}

// slips are the wrong ways to write a key. What follows mapping, and a group behind
// headers, is free.
func slips(key string, from int) (all []string) {
	parts := strings.Split(key, ".")
	for i, part := range parts {
		if i < from {
			continue
		}
		if i > 0 {
			all = append(all, strings.Join(parts[:i], ".")+strings.Join(parts[i:], "."))
		}
		if len(part) < 3 || i > 0 && parts[i-1] == "mapping" || i > 1 && parts[i-2] == "headers" {
			continue
		}
		at := len(part)/2 - 1
		for _, wrong := range []string{
			fmt.Sprint(part[:at], part[at+1:at+2], part[at:at+1], part[at+2:]),
			part[:at] + part[at+1:],
			strings.ToUpper(part[:1]) + part[1:],
		} {
			if wrong != part {
				all = append(all, strings.Join(append(append(append([]string{}, parts[:i]...), wrong), parts[i+1:]...), "."))
			}
		}
	}
	return all
}
