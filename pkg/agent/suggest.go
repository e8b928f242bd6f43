package agent

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/logpipe/logpipe/pkg/option"
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
		if strings.HasSuffix(other, "."+lower) || strings.HasSuffix(lower, "."+other) {
			d = 0
		} else if d < bestDistance && len(lower) <= longestWord {
			d = option.Distance(lower, other)
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
