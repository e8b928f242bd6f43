package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

func configured(t testing.TB, text string) (password, user, brokers string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	a, _, _ := testApp("")
	a.Shared.Config = file
	var set option.Set
	set.String(&password, "sasl-password", "", "").Secret = true
	set.String(&user, "sasl-user", "", "")
	set.String(&brokers, "brokers", "", "")
	err = a.Settings()(&set, nil)
	return password, user, brokers, err
}

// TestConfigText holds that a text is taken as it is written, whatever YAML
// would make of it.
func TestConfigText(t *testing.T) {
	for written, want := range map[string]string{
		"0123": "0123", "1e3": "1e3", "1_000": "1_000", "0x1F": "0x1F", "2026-11-21": "2026-11-21", "1.10": "1.10",
		"True": "True", ".inf": ".inf", "0o17": "0o17", "plain": "plain", "a:b#c": "a:b#c", "'null'": "null", `"~"`: "~",
		"'it''s'": "it's",
	} {
		password, user, _, err := configured(t, "sasl-user: "+written+"\nsasl-password: "+written+"\n")
		if err != nil || password != want || user != want {
			t.Errorf("%s: password %q, user %q, %v", written, password, user, err)
		}
	}
	_, user, brokers, err := configured(t, "Brokers: [&a a:9092, b:9092]\nsasl-user: ~\nsasl-password:\n")
	if err != nil || brokers != "a:9092,b:9092" || user != "" {
		t.Errorf("brokers %q, user %q, %v", brokers, user, err)
	}
	if _, _, _, err := configured(t, "# nothing yet\n"); err != nil {
		t.Error(err)
	}
}

// TestConfigHidesSecrets holds that what YAML takes for something else than text
// is refused, and that no error repeats it.
func TestConfigHidesSecrets(t *testing.T) {
	for _, c := range []struct{ text, err, hint string }{
		{"sasl-password: null", "line 1: sasl-password: this word is no value to YAML", "put the text in 'single quotes'"},
		{"sasl-password: ~", "line 1: sasl-password: this word is no value to YAML", "put the text in 'single quotes'"},
		{"sasl-password: {S3cret: 1}", "line 1: sasl-password: this is no text to YAML", "put the text in 'single quotes'"},
		{"sasl-password: [S3cret]", "line 1: sasl-password: this is no text to YAML", "put the text in 'single quotes'"},
		{"tz: UTC\nsasl-password:\n  S3cret: x", "line 2: sasl-password: this is no text to YAML", "put the text in 'single quotes'"},
		{"sasl-password: &S3cret x", "line 1: sasl-password: a text that begins with", "put the text in 'single quotes'"},
		{"sasl-password: !S3cret x", "line 1: sasl-password: a text that begins with", "put the text in 'single quotes'"},
		{"sasl-password: !S3cret", "line 1: sasl-password: a text that begins with", "put the text in 'single quotes'"},
		{"sasl-password: *S3cret", "not YAML: unknown anchor '…' referenced", "put the text in 'single quotes'"},
		{"sasl-password: %S3cret", "not YAML: ", "put the text in 'single quotes'"},
		{"sasl-password: \"S3cret", "not YAML: ", "put the text in 'single quotes'"},
		{"sasl-password S3cret", "line 1: want a name and a value", "with a space behind the colon"},
		{"sasl-password:S3cret", "line 1: want a name and a value", "with a space behind the colon"},
		{"tz: UTC\nsasl-password S3cret", "not YAML: line 2: could not find expected ':'", "quotes"},
		{"sasl-password S3cret: x", "line 1: want only a name before the colon", "`sasl-password: VALUE`"},
		{"sasl-password=S3cret: x", "line 1: want only a name before the colon", "`sasl-password: VALUE`"},
		{"sasl-password: S3cret\nSASL-Password: S3cret", "line 2: sasl-password stands in line 1 too", ""},
		{"? [S3cret]\n: x", "line 1: want the name of a setting", "the settings are"},
		{"sasl-pasword: S3cret", `unknown setting "sasl-pasword"`, "did you mean sasl-password?"},
		{"tz: {a: b}", "line 1: tz: this is no text to YAML", "quotes"},
		{"brokers: [[a]]", "line 1: brokers: want a list of texts", "quotes"},
	} {
		_, _, _, err := configured(t, c.text+"\n")
		if err == nil || fault.CodeOf(err) != fault.Usage || !strings.Contains(err.Error(), c.err) || !strings.Contains(fault.HintOf(err), c.hint) {
			t.Errorf("%q: %v, hint %q", c.text, err, fault.HintOf(err))
		} else if all := err.Error() + fault.HintOf(err); strings.Contains(all, "S3c") || strings.Contains(all, "s3c") {
			t.Errorf("%q: shown: %s", c.text, all)
		}
	}
}

func FuzzConfigFile(f *testing.F) {
	for _, text := range []string{"", "a: b", "brokers: [a, &b b, *b]", "sasl-password: !!str 0123", "tz: ~\n? x\n", "- a", "&a [*a]", "brokers: &a [*a]"} {
		f.Add([]byte(text))
	}
	names := known()
	f.Fuzz(func(t *testing.T, text []byte) {
		values, err := configValues(text, names)
		if err != nil && values != nil {
			t.Errorf("%v beside %v", values, err)
		}
		for name, value := range values {
			if _, list := value.([]any); list && names.Lookup(name).Secret {
				t.Errorf("%s: %v", name, value)
			}
		}
	})
}
