package ua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mssola/useragent"
	"go.yaml.in/yaml/v3"
)

// uapCase is a test case of uap-core.
type uapCase struct {
	Agent      string `yaml:"user_agent_string"`
	Family     string
	Major      string
	Minor      string
	Patch      string
	PatchMinor string `yaml:"patch_minor"`
	Brand      string
	Model      string
}

// version is the expected version as one text.
func (c uapCase) version() string {
	text := c.Major
	for _, part := range []string{c.Minor, c.Patch, c.PatchMinor} {
		if part == "" {
			break
		}
		text += "." + part
	}
	return text
}

// readUAPCore reads a file of test cases below the folder that the environment
// names, a checkout of https://github.com/ua-parser/uap-core.
func readUAPCore(t testing.TB, path string) []uapCase {
	t.Helper()
	folder := os.Getenv("LOGPIPE_UAP_CORE")
	if folder == "" {
		t.Skip("set LOGPIPE_UAP_CORE to a checkout of ua-parser/uap-core")
	}
	text, err := os.ReadFile(filepath.Join(folder, path))
	if err != nil {
		t.Skip(err)
	}
	var file struct {
		Cases []uapCase `yaml:"test_cases"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return file.Cases
}

// agreement counts how many of uap-core's cases got the same family, and the
// same family with the same version.
type agreement struct{ cases, family, version int }

func (a *agreement) add(c uapCase, family, version string) bool {
	if family == "" {
		family = "Other"
	}
	a.cases++
	if family != c.Family {
		return false
	}
	a.family++
	// uap-core cuts versions short: 32.0.1700.107 is 32.0.1700 there.
	if want := c.version(); version == want || want != "" && strings.HasPrefix(version, want+".") {
		a.version++
		return true
	}
	return false
}

func (a *agreement) log(t testing.TB, what string) {
	t.Logf("%-36s %6d cases, family %5.1f %%, family and version %5.1f %%", what, a.cases,
		100*float64(a.family)/float64(a.cases), 100*float64(a.version)/float64(a.cases))
}

// renamed is what the library alone tells, in uap-core's words: much of the
// difference between the two is that one says Internet Explorer and the other IE.
func renamed(agent string, library *useragent.UserAgent) (name, version string) {
	name, version = library.Browser()
	switch {
	case name == "Internet Explorer":
		name = "IE"
	case name == "YaBrowser":
		name = "Yandex Browser"
	case name == "Headless Chrome":
		name = "HeadlessChrome"
	case name == "Chrome" && strings.Contains(agent, "CriOS"):
		name = "Chrome Mobile iOS"
	case name == "Safari" && library.Mobile():
		name = "Mobile Safari"
	case (name == "Chrome" || name == "Firefox") && library.Mobile():
		name += " Mobile"
	}
	return name, version
}

// TestAgreementWithUAPCore states the share of uap-core's test cases that the
// library agrees with alone, with its names put into uap-core's words, and that
// Parse agrees with. The rules were written
// with an eye on the cases below tests, those below test_resources were not
// looked at.
func TestAgreementWithUAPCore(t *testing.T) {
	const ua, system = "browser", "system"
	for _, test := range []struct {
		path, kind string
		least      float64 // share of families that must agree
	}{
		{"tests/test_ua.yaml", ua, 0.85},
		{"tests/test_os.yaml", system, 0.92},
		{"test_resources/firefox_user_agent_strings.yaml", ua, 0.95},
		{"test_resources/opera_mini_user_agent_strings.yaml", ua, 0.99},
		{"test_resources/pgts_browser_list.yaml", ua, 0.87},
		{"test_resources/podcasting_user_agent_strings.yaml", ua, 0.58},
		{"test_resources/additional_os_tests.yaml", system, 0.82},
	} {
		t.Run(filepath.Base(test.path), func(t *testing.T) {
			var before, fair, after agreement
			for _, c := range readUAPCore(t, test.path) {
				library, client := useragent.New(c.Agent), Parse(c.Agent)
				if test.kind == ua {
					name, version := library.Browser()
					before.add(c, name, version)
					name, version = renamed(c.Agent, library)
					fair.add(c, name, version)
					after.add(c, client.Browser, client.BrowserVersion)
				} else {
					info := library.OSInfo()
					before.add(c, info.Name, info.Version)
					after.add(c, client.OS, client.OSVersion)
				}
			}
			before.log(t, test.kind+", mssola/useragent alone")
			if test.kind == ua {
				fair.log(t, test.kind+", the same with uap-core's words")
			}
			after.log(t, test.kind+", Parse")
			if share := float64(after.family) / float64(after.cases); share < test.least {
				t.Errorf("%.1f %% of the families agree, at least %.1f %% must", 100*share, 100*test.least)
			}
		})
	}
}

// TestRobotsOfUAPCore states how many of the agents that uap-core calls spiders
// Parse calls robots. The opposite does not hold: tools are none there.
func TestRobotsOfUAPCore(t *testing.T) {
	spiders, robots := 0, 0
	for _, c := range readUAPCore(t, "tests/test_device.yaml") {
		if c.Family != "Spider" {
			continue
		}
		spiders++
		if Parse(c.Agent).Bot {
			robots++
		}
	}
	t.Logf("%d of %d spiders are robots", robots, spiders)
	if robots*10 < spiders*8 {
		t.Error("less than 80 %")
	}
}
