package option

// Closest returns the word of list that word was most likely meant to be, or
// "" where none is near: at most one slip in four letters, swaps counted once.
func Closest(word string, list []string) string {
	best, at := "", 1+max(1, len(word)/4)
	for _, w := range list {
		if d := Distance(word, w); d < at {
			best, at = w, d
		}
	}
	if best != "" {
		return best
	}
	for _, w := range list { // a beginning of three letters or more
		if len(word) >= 3 && len(w) > len(word) && w[:len(word)] == word {
			return w
		}
	}
	return ""
}

// Distance is the optimal string alignment distance: how many insertions,
// deletions, replacements and swaps of neighbours make one word of the other.
func Distance(one, other string) int {
	a, b := []rune(one), []rune(other)
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
