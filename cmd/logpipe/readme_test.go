package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs the console blocks of the README: what follows `$ ` is given
// to the shell, and the lines below it are what it prints. A line … stands for
// any number of lines. The commands of a block share a folder; a block marked
// sh instead of console is only shown.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile(top("README.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := consoleBlocks(string(b))
	if len(blocks) == 0 {
		t.Error("the README shows no command with its output")
	}
	sh := bash(t)
	for _, block := range blocks {
		t.Run(block[0].command, func(t *testing.T) {
			dir := t.TempDir()
			for _, c := range block {
				cmd := start(t, sh, "-c", c.command)
				cmd.Dir = dir
				got := finish(t, cmd, "")
				if got.code != 0 || !c.output().MatchString(got.out) {
					t.Errorf("$ %s\n%s%s(exit code %d)\nthe README says:\n%s", c.command, got.out, got.err, got.code, c.text)
				}
			}
		})
	}
}

// console is one command of a block, with the lines below it.
type console struct{ command, text string }

// output matches what the command may print.
func (c console) output() *regexp.Regexp {
	var b strings.Builder
	for line := range strings.Lines(c.text) {
		if strings.TrimSpace(line) == "…" {
			b.WriteString("(?:.*\n)*")
			continue
		}
		b.WriteString(regexp.QuoteMeta(line))
	}
	return regexp.MustCompile(`\A` + b.String() + `\z`)
}

// consoleBlocks finds the fenced blocks marked console.
func consoleBlocks(text string) [][]console {
	var blocks [][]console
	var block []console
	within := false
	for line := range strings.Lines(text) {
		fence := strings.TrimSpace(line)
		switch {
		case within && fence == "```":
			within = false
			if len(block) > 0 {
				blocks = append(blocks, block)
			}
		case !within && fence == "```console":
			within, block = true, nil
		case !within:
		case strings.HasPrefix(line, "$ "):
			block = append(block, console{command: strings.TrimSpace(line[2:])})
		case len(block) == 0:
		default:
			c := &block[len(block)-1]
			if c.text == "" && (strings.HasSuffix(c.command, "\\") || strings.HasSuffix(c.command, "|")) {
				c.command += "\n" + strings.TrimSuffix(line, "\n")
				continue
			}
			c.text += line
		}
	}
	return blocks
}

func TestConsoleBlocks(t *testing.T) {
	got := consoleBlocks("a\n```console\n$ one \\\n    two |\n  three\nout\n…\nlast\n$ four\n```\n```sh\n$ five\n```\n")
	if len(got) != 1 || len(got[0]) != 2 || got[0][0].command != "one \\\n    two |\n  three" ||
		got[0][0].text != "out\n…\nlast\n" || got[0][1] != (console{"four", ""}) {
		t.Fatalf("%q", got)
	}
	re := got[0][0].output()
	for text, want := range map[string]bool{"out\nlast\n": true, "out\n1\n2\nlast\n": true, "out\nlast\nmore\n": false} {
		if re.MatchString(text) != want {
			t.Errorf("%q", text)
		}
	}
}
