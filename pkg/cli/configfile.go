package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// readConfig reads the configuration file at path. No error shows a value: it may
// be a secret.
func readConfig(path string, names *option.Set) (*viper.Viper, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.With(fault.Usage, fileError(path, err))
	}
	values, err := configValues(text, names)
	if err != nil {
		return nil, fault.With(fault.Usage, fileError(path, err))
	}
	v := viper.New()
	if err := v.MergeConfigMap(values); err != nil {
		return nil, fault.With(fault.Usage, fileError(path, err))
	}
	return v, nil
}

// configValues returns the settings in the text of a configuration file as they
// are written there: YAML would make 83 of 0123 and nothing of null, and a
// password may be either.
func configValues(text []byte, names *option.Set) (map[string]any, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, quote(malformed(err))
	}
	if len(doc.Content) == 0 || nothing(doc.Content[0]) {
		return nil, nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fault.Hint(fmt.Errorf("line %d: want a name and a value", root.Line),
			"lines such as `brokers: kafka:9092`, with a space behind the colon")
	}
	values, lines := make(map[string]any), make(map[string]int)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		name := strings.ToLower(key.Value)
		o := names.Lookup(name)
		if o == nil {
			return nil, unknownSetting(key, names)
		}
		if first, twice := lines[name]; twice {
			return nil, fmt.Errorf("line %d: %s stands in line %d too", key.Line, name, first)
		}
		lines[name] = key.Line
		setting, err := configValue(value, o.Secret)
		if err != nil {
			return nil, quote(fmt.Errorf("line %d: %s: %w", key.Line, name, err))
		}
		if setting != nil {
			values[name] = setting
		}
	}
	return values, nil
}

// configValue is a setting's text, the list of its texts, or nil where it has
// none. What could be a secret that YAML reads as something else is refused.
func configValue(n *yaml.Node, secret bool) (any, error) {
	if secret && (n.Anchor != "" || n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0) {
		return nil, fmt.Errorf("a text that begins with &, * or ! is none to YAML")
	}
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case nothing(n):
		if secret && n.Value != "" {
			return nil, fmt.Errorf("this word is no value to YAML")
		}
		return nil, nil
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind != yaml.SequenceNode || secret:
		return nil, fmt.Errorf("this is no text to YAML")
	}
	list := make([]any, len(n.Content))
	for i, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("want a list of texts")
		}
		list[i] = item.Value
	}
	return list, nil
}

// nothing reports whether n is null, however it is written.
func nothing(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// quote adds to err what to do about a text that YAML takes for something else.
func quote(err error) error { return fault.Hint(err, "put the text in 'single quotes'") }

// malformed is YAML's error without the words of the file that it repeats.
func malformed(err error) error {
	parts := strings.Split(strings.TrimPrefix(err.Error(), "yaml: "), "'")
	for i := 1; i < len(parts); i += 2 {
		if len(parts[i]) > 1 { // no sign of YAML's own
			parts[i] = "…"
		}
	}
	return fmt.Errorf("not YAML: %s", strings.Join(parts, "'"))
}

// unknownSetting names a key only as far as it is a name: where the colon is
// missing, a value is the rest of it.
func unknownSetting(key *yaml.Node, names *option.Set) error {
	var list []string
	for _, o := range names.All() {
		list = append(list, o.Name)
	}
	rest := strings.TrimLeft(key.Value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
	name := strings.TrimSuffix(key.Value, rest)
	if name == "" || key.Kind != yaml.ScalarNode {
		return fault.Hint(fmt.Errorf("line %d: want the name of a setting", key.Line), "the settings are %s", strings.Join(list, ", "))
	}
	if rest != "" {
		return fault.Hint(fmt.Errorf("line %d: want only a name before the colon", key.Line), "`%s: VALUE`, with a space behind the colon", name)
	}
	err := fmt.Errorf("unknown setting %q", name)
	if near := option.Closest(name, list); near != "" {
		return fault.Hint(err, "did you mean %s?", near)
	}
	return fault.Hint(err, "the settings are %s", strings.Join(list, ", "))
}
