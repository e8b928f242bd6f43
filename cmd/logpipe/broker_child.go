package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/logpipe/logpipe/pkg/cli"
	"github.com/logpipe/logpipe/pkg/fault"
)

// runChild runs a command on the streams of this process, passes signals on to
// it, and returns its exit code. On a terminal it shares our process group, as
// only one group may read there. When lost is closed, the command is asked to end.
func runChild(ctx context.Context, app *cli.App, args, env []string, lost <-chan struct{}) (int, error) {
	typed := app.InTerminal
	path, err := exec.LookPath(args[0])
	if err != nil {
		return 0, fault.Usagef("cannot run %s: %w", args[0], errors.Unwrap(err))
	}
	cmd := exec.Command(path, args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = childAttributes(!typed)

	signals := make(chan os.Signal, 8)
	signal.Notify(signals, childSignals()...)
	defer signal.Stop(signals)
	defer app.PassSignals()()
	if ctx.Err() != nil { // a signal came before
		return 0, context.Cause(ctx)
	}
	// The kernel ties the end of a child to the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("run %s: %w", args[0], err)
	}
	ended := make(chan struct{})
	passed := passSignals(cmd.Process, signals, ended, lost, !typed)
	err = cmd.Wait()
	close(ended)
	// A second SIGTERM would cut short what the first has begun; of SIGINT a
	// shell's background commands hear nothing.
	if !<-passed {
		endGroup(cmd.Process, !typed)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("run %s: %w", args[0], err)
	}
	return statusOf(cmd.ProcessState), nil
}

// passSignals hands signals on until ended is closed, those that ask for an end
// and come together once, and SIGTERM when lost is closed. It then tells whether SIGTERM was among them.
func passSignals(p *os.Process, signals <-chan os.Signal, ended, lost <-chan struct{}, group bool) <-chan bool {
	passed := make(chan bool, 1)
	go func() {
		last := map[os.Signal]time.Time{}
		for {
			select {
			case s := <-signals:
				t, ok := last[s]
				if ok && time.Since(t) < cli.Together && (s == os.Interrupt || s == syscall.SIGTERM) {
					continue
				}
				last[s] = time.Now()
				passSignal(p, s, group)
			case <-lost:
				lost = nil
				passSignal(p, syscall.SIGTERM, group)
			case <-ended:
				_, ok := last[syscall.SIGTERM]
				passed <- ok
				return
			}
		}
	}()
	return passed
}
