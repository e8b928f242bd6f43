package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logpipe/logpipe/pkg/agent"
	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
)

// flumeEnvName is the script in the folder of --conf that sets what Flume runs with.
const flumeEnvName = "flume-env.sh"

// How long it may run: it may ask another machine for a secret, or wait until one is up.
const (
	flumeEnvCheck = time.Minute      // where nothing but a check is asked for
	flumeEnvTold  = 10 * time.Second // before it is told that it is waited for
)

// flumeEnv is what Flume's start script takes from the flume-env.sh that it sources:
// the variables, the options of Java, and the state of the shell.
type flumeEnv struct {
	file      string
	broken    string            // why a shell cannot read all of it, and goes on; "" = it can
	unread    string            // why this user cannot read any of it; "" = it can
	variables map[string]string // all that are exported
	java      []string          // the words of JAVA_OPTS and FLUME_JAVA_OPTS
	classes   []string          // names of variables that name Java classes and libraries
	folder    string
	mask      int
}

// sourceFlumeEnv takes over what the flume-env.sh in the folder sets; nil means that
// there is none. A folder of "" is that of an agent that was started without one.
//
// wait is how long that may take; 0 = as long as it does.
func sourceFlumeEnv(ctx context.Context, app *cli.App, folder string, lenient bool, wait time.Duration) (*flumeEnv, error) {
	if folder == "" && !calledFlume(os.Args[0]) {
		return nil, nil
	}
	var e *flumeEnv
	if folder != "" {
		told := time.AfterFunc(flumeEnvTold, func() { app.Say("waits for %s in %s to end", flumeEnvName, folder) })
		defer told.Stop()
		var err error
		if e, err = readFlumeEnv(ctx, folder, wait, app.Err); err != nil {
			return nil, err
		}
	}
	switch {
	case e == nil: // flume-ng takes this one from anywhere
		return &flumeEnv{file: "FLUME_JAVA_OPTS", java: javaOptsOfFlume()}, nil
	case e.unread != "":
		return e, nil
	case e.broken != "" && !lenient:
		return nil, fault.Hint(fault.Usagef("%s cannot be read to its end: %s", e.file, e.broken), "mend it; with --lenient the agent starts with what it sets before")
	}
	return e, e.apply()
}

// javaOptsOfFlume are the options of Java in the environment.
func javaOptsOfFlume() []string { return strings.Fields(os.Getenv("FLUME_JAVA_OPTS")) }

// flumeEnvScript sources FILE as flume-ng does: JAVA_OPTS and the class path are
// variables of the shell, and words are what the shell makes of them. What the file
// prints goes to standard error. The answer begins when nothing of the file can
// run any more, but for a function that has the name of a command of the shell.
const flumeEnvScript = `JAVA_OPTS=-Xmx20m FLUME_CLASSPATH= FLUME_JAVA_LIBRARY_PATH=
opt_conf=FOLDER
exec 3>&1 1>&2
. FILE 3>&-
set -- $?
set +e
{
  printf '%s\0' "$1" "$(pwd)" "$(umask)" "${FLUME_CLASSPATH-}" "${FLUME_JAVA_LIBRARY_PATH-}"
  for word in ${JAVA_OPTS-} ${FLUME_JAVA_OPTS-}; do printf '%s\0' "$word"; done
  printf '\0'
} >&3
ENV -0 >&3 && printf %s MARK >&3 && exec ENV -0 >/dev/null 3>&-
`

// readFlumeEnv runs the flume-env.sh in the folder, with what it says on stderr. It is
// nil where there is none.
func readFlumeEnv(ctx context.Context, folder string, wait time.Duration, stderr io.Writer) (*flumeEnv, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, flumeEnvName)
	if st, err := os.Stat(file); err != nil || !st.Mode().IsRegular() {
		return nil, nil
	}
	if f, err := os.Open(file); err != nil { // Flume goes on without it
		return &flumeEnv{file: file, unread: err.Error(), java: javaOptsOfFlume()}, nil
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	shell, err := shellOfFlume()
	if err != nil {
		return nil, fault.Hint(fault.Usagef("%s cannot be read: %w", file, err), "leave --conf out, set its variables before the agent starts, and give its -D with -D")
	}
	env, err := exec.LookPath("env")
	if err != nil {
		return nil, fault.Usagef("%s cannot be read: %w", file, err)
	}
	mark := rand.Text() // in no variable: it is made for this answer
	script := strings.NewReplacer("FILE", shellWord(file), "FOLDER", shellWord(folder), "ENV", shellWord(env), "MARK", mark).Replace(flumeEnvScript)
	if wait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, wait, fault.Hint(fault.Usagef("%s did not end within %v", file, wait),
			"Flume's flume-ng waits for it too; its standard input is empty here"))
		defer cancel()
	}
	answer, err := askShell(ctx, file, []string{shell, "-c", script, "flume-ng"}, mark, stderr)
	if err != nil {
		return nil, err
	}
	e, status, err := parseFlumeEnv(file, answer)
	if err != nil || status == 0 {
		return e, err
	}
	// The last command failed, which is nobody's business, or what was read is no script.
	e.broken = syntaxOf(ctx, shell, file)
	return e, nil
}

// syntaxOf is what the shell has against the syntax of the file; "" is nothing.
func syntaxOf(ctx context.Context, shell, file string) string {
	check := []string{"-n", file}
	if filepath.Base(shell) == "bash" {
		check = []string{"-O", "extglob", "-n", file} // which the file may set for itself
	}
	complaint, err := exec.CommandContext(ctx, shell, check...).CombinedOutput()
	if err == nil {
		return ""
	}
	return strings.TrimSpace(string(complaint))
}

// shellOfFlume is the shell for flume-env.sh: the one that flume-ng is written for, or
// the one that every system has.
func shellOfFlume() (string, error) {
	if runtime.GOOS == "windows" {
		return "", errors.New("it is for a shell, which Windows has not")
	}
	if path, err := exec.LookPath("bash"); err == nil {
		return path, nil
	}
	return exec.LookPath("sh")
}

// shellWord quotes a word for the shell.
func shellWord(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// askShell runs the script, with an empty standard input, and returns what it prints.
// When ctx ends, it and what it has started are killed.
func askShell(ctx context.Context, file string, argv []string, mark string, stderr io.Writer) ([]byte, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	read := make(chan []byte, 1)
	go func() { read <- readTo(r, mark) }()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = w, stderr, time.Second // *os.File: nothing waits for its end
	cmd.SysProcAttr = childAttributes(true)
	cmd.Cancel = func() error { return killGroup(cmd.Process) }
	// The kernel ties the end of a child to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = errors.Join(cmd.Run(), w.Close())
	// Without the mark what the file has left behind may hold the pipe for ever; all
	// that was written before the shell ended is in it.
	_ = r.SetReadDeadline(time.Now().Add(answerWait))
	answer := <-read
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // else what it has left behind holds standard error
		return nil, fault.Hint(fault.Usagef("%s ends the shell that reads it: %w", file, err), "what it says stands above; Flume's flume-ng ends with it too")
	}
	answer, whole := bytes.CutSuffix(answer, []byte(mark))
	if !whole {
		return nil, nil // parseFlumeEnv says why
	}
	return answer, nil
}

// answerWait is how long the rest of an answer without a mark is waited for.
const answerWait = time.Second

// readTo reads up to the mark, or what there is.
func readTo(r io.Reader, mark string) (all []byte) {
	piece := make([]byte, 64<<10)
	for {
		n, err := r.Read(piece)
		all = append(all, piece[:n]...)
		if err != nil || bytes.HasSuffix(all, []byte(mark)) {
			return all
		}
	}
}

// parseFlumeEnv reads what the script prints, texts that end in a NUL. The status is
// that of the last command in the file.
func parseFlumeEnv(file string, answer []byte) (e *flumeEnv, status int, err error) {
	texts := strings.Split(string(answer), "\x00")
	if len(texts) < 7 { // five, the end of the words, and what is behind the last NUL
		return nil, 0, fault.Hint(fault.Usagef("%s ends the shell that reads it", file), "Flume's flume-ng ends with it too: leave out its exit")
	}
	status, badStatus := strconv.Atoi(texts[0])
	mask, badMask := strconv.ParseInt(texts[2], 8, 0)
	if err = errors.Join(badStatus, badMask); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", file, err)
	}
	e = &flumeEnv{file: file, folder: texts[1], mask: int(mask), variables: map[string]string{}}
	for i, name := range []string{"FLUME_CLASSPATH", "FLUME_JAVA_LIBRARY_PATH"} {
		if texts[3+i] != "" {
			e.classes = append(e.classes, name)
		}
	}
	texts = texts[5:]
	end := slices.Index(texts, "") // there is one: behind the last NUL
	e.java = texts[:end]
	for _, text := range texts[end+1:] {
		if name, value, found := strings.Cut(text, "="); found && name != "" {
			e.variables[name] = value
		}
	}
	return e, status, nil
}

// apply makes the environment, the folder and the mask of this process those that the
// script has left, as Java has them in Flume.
func (e *flumeEnv) apply() error {
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	moved := e.folder != here
	for name, value := range e.variables {
		old, known := os.LookupEnv(name)
		own := name == "_" || name == "SHLVL" || !moved && (name == "PWD" || name == "OLDPWD")
		if own || known && old == value {
			continue
		}
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	for _, text := range os.Environ() {
		name, _, _ := strings.Cut(text, "=")
		if _, kept := e.variables[name]; !kept && isShellName(name) && name != "_" {
			if err := os.Unsetenv(name); err != nil {
				return err
			}
		}
	}
	setMask(e.mask)
	if !moved {
		return nil
	}
	return os.Chdir(e.folder)
}

// isShellName reports whether a shell can have a variable of that name. Some shells hand
// on others too, and some do not.
func isShellName(name string) bool {
	for i, c := range name {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// javaProperties are the -D of Java's options, a later one before an earlier one.
func javaProperties(words []string) map[string]string {
	all := map[string]string{}
	for _, word := range words {
		if text, found := strings.CutPrefix(word, "-D"); found {
			name, value, _ := strings.Cut(text, "=")
			all[name] = value
		}
	}
	return all
}

// findings tell what of the script has no effect. Options of the Java machine, such as
// -Xmx, are not told: there is nothing to do about them.
func (e *flumeEnv) findings() []agent.Finding {
	var all []agent.Finding
	tell := func(level agent.Level, fix, format string, args ...any) {
		all = append(all, agent.Finding{File: e.file, Level: level, Message: fmt.Sprintf(format, args...), Fix: fix})
	}
	if e.unread != "" {
		tell(agent.Warning, "let the user of the agent read it", "it has no effect: %s", e.unread)
	}
	if e.broken != "" {
		tell(agent.Warning, "mend it", "a shell reads it up to a mistake: %s", e.broken)
	}
	for _, name := range e.classes {
		tell(agent.Note, "", "%s%s", name, noClasses)
	}
	value := false // of an option
	for _, word := range e.java {
		switch {
		case value:
			value = false
		case isJavaAgent(word):
			tell(agent.Note, "", "%s%s", word, noClasses)
		case slices.Contains([]string{"-cp", "-classpath", "--class-path", "--module-path", "-p", "--add-modules", "--add-opens", "--add-exports", "--add-reads", "--upgrade-module-path"}, word):
			value = true
		case !strings.HasPrefix(word, "-") && !strings.HasPrefix(word, "@"): // Java reads options from @FILE
			tell(agent.Warning, "a shell makes words at blanks, also between quotes that stand within a value", "%q of JAVA_OPTS is no option; Java takes it for the name of a class, and Flume does not start", word)
		}
	}
	return all
}

// isJavaAgent reports whether a word gives the Java machine an agent of its own.
func isJavaAgent(word string) bool {
	return strings.HasPrefix(word, "-javaagent") || strings.HasPrefix(word, "-agentlib") || strings.HasPrefix(word, "-agentpath")
}

// checkZone tells of a time zone for Java that is not the machine's: what sinks make of
// times would differ from Flume.
func checkZone(properties map[string]string) []agent.Finding {
	name := properties["user.timezone"]
	if name == "" {
		return nil
	}
	zone, err := time.LoadLocation(name)
	now := time.Now()
	if _, here := now.Zone(); err == nil {
		if _, there := now.In(zone).Zone(); there == here {
			return nil
		}
	}
	return []agent.Finding{{Level: agent.Warning, Message: fmt.Sprintf("-Duser.timezone=%s has no effect: the time zone is that of the machine", name),
		Fix: "set TZ to the zone before the agent starts, such as TZ=Asia/Tokyo"}}
}
