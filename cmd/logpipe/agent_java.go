package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/logpipe/logpipe/pkg/agent"
	"github.com/logpipe/logpipe/pkg/fault"
	"github.com/logpipe/logpipe/pkg/option"
)

// javaFlags are the flags of Flume that mean something to Java, to ZooKeeper or
// to Flume's own loading of configurations. Each is answered by its name.
type javaFlags struct {
	zookeeper, base      string
	uris                 []string
	provider, authorizer string
	user, password       string
	classpath, plugins   string
	heap, agents         []string
	backup               string
	interval             int
	dryRun               bool
}

func (j *javaFlags) declare(s *option.Set) {
	hidden := func(o *option.Option) { o.Hidden = true }
	hidden(s.String(&j.zookeeper, "zkConnString,z", "", "ZooKeeper that holds the configuration"))
	hidden(s.String(&j.base, "zkBasePath,p", "", "where in ZooKeeper"))
	hidden(s.Repeated(&j.uris, "conf-uri,u", "configuration by `URI`"))
	hidden(s.String(&j.provider, "conf-provider", "", "Java class that reads the configuration"))
	hidden(s.String(&j.authorizer, "auth-provider,a", "", "Java class that signs in"))
	hidden(s.String(&j.user, "conf-user", "", "user for --conf-uri"))
	hidden(s.String(&j.password, "conf-password", "", "password for --conf-uri"))
	hidden(s.String(&j.classpath, "classpath,C", "", "Java classes"))
	hidden(s.String(&j.plugins, "plugins-path", "", "folders with Java classes"))
	hidden(s.Repeated(&j.heap, "java-option,X", "option of the Java machine, such as -Xmx1g"))
	hidden(s.Repeated(&j.agents, "java-agent", "option of the Java machine that begins with -javaagent, -agentlib or -agentpath"))
	hidden(s.String(&j.backup, "backup-directory,b", "", "copies of the configuration"))
	hidden(s.Int(&j.interval, "poll-interval,i", 0, "`seconds` between looks at the file"))
	hidden(s.Bool(&j.dryRun, "dryrun,d", "start nothing"))
}

// noClasses is why something for Java has no effect.
const noClasses = " has no effect: there is no Java here and no class is loaded"

// check answers the flags: what cannot be done is an error, what has no effect
// a warning. Files named by URI are added to the files.
func (j *javaFlags) check(o *agent.Options) ([]agent.Finding, error) {
	const save = "save the configuration in a file and name that with -f"
	switch {
	case j.zookeeper != "" || j.base != "":
		return nil, fault.Hint(fault.Usagef("-z (--zkConnString), -p (--zkBasePath): the configuration is not read from ZooKeeper"),
			"`zkCli.sh get /flume/%s` prints it: %s", o.Name, save)
	case j.provider != "":
		return nil, fault.Hint(fault.Usagef("--conf-provider: Java classes such as %s are not loaded", j.provider), save)
	case j.interval < 0:
		return nil, fault.Usagef("-i (--poll-interval) cannot be negative")
	}
	for _, uri := range j.uris {
		path, isFile := strings.CutPrefix(uri, "file:")
		if !isFile {
			return nil, fault.Hint(fault.Usagef("-u (--conf-uri): %s is no file", uri), "`curl -o agent.conf %s`, then -f agent.conf", uri)
		}
		o.Files = append(o.Files, "/"+strings.TrimLeft(path, "/"))
	}
	var findings []agent.Finding
	warn := func(given bool, message, fix string) {
		if given {
			findings = append(findings, agent.Finding{Level: agent.Warning, Message: message, Fix: fix})
		}
	}
	for _, word := range j.agents {
		findings = append(findings, agent.Finding{Level: agent.Note, Message: word + noClasses})
	}
	warn(j.authorizer != "" || j.user != "" || j.password != "", "-a (--auth-provider), -user (--conf-user) and -pwd (--conf-password) have no effect: no configuration is fetched", "they may be left out")
	warn(j.classpath != "", "-C (--classpath)"+noClasses, "the flag may be left out")
	warn(j.plugins != "", "--plugins-path"+noClasses, "the flag may be left out")
	warn(j.backup != "", "-b (--backup-directory) has no effect: files are not fetched and need no copy", "the flag may be left out")
	return findings, nil
}

// flumeLetters are the short forms of Flume's flags that are longer than a letter.
var flumeLetters = map[string]string{"user": "conf-user", "pwd": "conf-password", "prov": "conf-provider"}

// gnuWords gives long flags of Flume's commands that have one dash a second one:
// the parser of Flume's, GnuParser, takes both. All else stays as it is, but for what
// flumeWord changes.
func gnuWords(root *cobra.Command, args []string) []string {
	if len(args) == 0 || args[0] != "agent" && args[0] != "avro-client" {
		return args
	}
	cmd, _, err := root.Find(args[:1])
	if err != nil {
		return args
	}
	flags, words := cmd.Flags(), slices.Clone(args)
	for i := 1; i < len(words) && words[i] != "--"; i++ {
		words[i] = flumeWord(words[i])
		name, isFlag := strings.CutPrefix(words[i], "-")
		name, long := strings.CutPrefix(name, "-")
		name, _, valued := strings.Cut(name, "=")
		if !isFlag {
			continue
		}
		f := flags.Lookup(name)
		switch {
		case len(name) == 1 && !long:
			f = flags.ShorthandLookup(name)
		case f != nil && !long:
			words[i] = "-" + words[i]
		}
		if f != nil && f.NoOptDefVal == "" && !valued {
			i++ // its value
		}
	}
	return words
}

// flumeWord makes flags that there are of those that pflag would take for letters: the
// short forms of several letters, and options of the Java machine.
func flumeWord(word string) string {
	if isJavaAgent(word) {
		return "--java-agent=" + word
	}
	short, isFlag := strings.CutPrefix(word, "-")
	name, value, valued := strings.Cut(short, "=")
	full := flumeLetters[name]
	switch {
	case !isFlag || full == "":
		return word
	case valued:
		return "--" + full + "=" + value
	}
	return "--" + full
}
