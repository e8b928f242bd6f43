package javaregex_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/logpipe/logpipe/pkg/javaregex"
	"github.com/logpipe/logpipe/pkg/logpipetest"
)

// blocksOfJava prints each block with its first and last character.
const blocksOfJava = `public class Blocks {
	public static void main(String[] args) {
		for (int begin = 0, r = 0; r <= 0x10ffff; r++) {
			Character.UnicodeBlock block = Character.UnicodeBlock.of(r);
			if (r < 0x10ffff && Character.UnicodeBlock.of(r + 1) == block) continue;
			if (block != null) System.out.printf("%d %d %s%n", begin, r, block);
			begin = r + 1;
		}
	}
}`

// TestRealBlocksOfJava compares with the blocks that a Java 17 knows.
func TestRealBlocksOfJava(t *testing.T) {
	logpipetest.Real(t)
	if out, err := exec.Command("java", "-version").CombinedOutput(); err != nil || !strings.Contains(string(out), `"17.`) {
		t.Skipf("no Java 17 here: %v %s", err, out)
	}
	file := filepath.Join(t.TempDir(), "Blocks.java")
	if err := os.WriteFile(file, []byte(blocksOfJava), 0o666); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("java", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		var lo, hi rune
		var name string
		if _, err := fmt.Sscan(line, &lo, &hi, &name); err != nil {
			t.Fatal(line, err)
		}
		n++
		re, err := javaregex.Compile(`\A\p{In` + name + `}\z`)
		if err != nil {
			t.Error(err)
			continue
		}
		for r, want := range map[rune]bool{lo - 1: false, lo: true, hi: true, hi + 1: false} {
			if r < 0 || r > 0x10ffff || r >= 0xD800 && r <= 0xDFFF {
				continue // no text has it
			}
			if found, err := re.MatchString(string(r)); found != want || err != nil {
				t.Errorf("%s and %x: %t, %v", name, r, found, err)
			}
		}
	}
	if n < 300 {
		t.Errorf("%d blocks", n)
	}
}
