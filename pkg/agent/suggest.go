package agent

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// longestWord is the longest one that is compared: nobody types a longer one.
const longestWord = 300

// nearest returns the candidate that word was probably meant to be, or "".
func nearest(word string, candidates []string) string {
	best, bestDistance := "", max(1, len(word)/3)+1
	lower := strings.ToLower(word)
	for _, c := range candidates {
		other := strings.ToLower(c)
		d := max(len(lower)-len(other), len(other)-len(lower)) / utf8.UTFMax // at least
		// `filePrefix` for `hdfs.filePrefix`: the last part alone.
		if strings.HasSuffix(other, "."+lower) {
			d = 0
		} else if d < bestDistance && len(lower) <= longestWord {
			d = distance(lower, other)
		} else {
			continue
		}
		if d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// didYouMean is the fix for an unknown word.
func didYouMean(word string, candidates []string) string {
	if best := nearest(word, candidates); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	switch n := len(candidates); {
	case n == 0:
		return ""
	case n == 1:
		return fmt.Sprintf("did you mean %q? There is no other", candidates[0])
	case n <= 12:
		return "known: " + strings.Join(candidates, ", ")
	}
	return ""
}

// distance counts the edits between two words: insert, delete, replace or
// swap neighbours.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
