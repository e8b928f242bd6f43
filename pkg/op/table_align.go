package op

import (
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// columnGap stands between aligned columns.
const columnGap = "  "

// alignedLines prints columns with blanks between them. width is the terminal's
// (0: none); texts are then cut so that a row fits.
func alignedLines(g *grid, width int) []string {
	if len(g.names) == 0 {
		return nil
	}
	right := g.numeric()
	texts := g.texts(func(s string) string { return s })
	widths := widthsOf(texts, len(g.names), 0)
	if width > 0 {
		fitWidths(widths, right, width)
	}
	lines := make([]string, len(texts))
	for k, row := range texts {
		for i := range row {
			row[i] = padText(cutText(row[i], widths[i]), widths[i], right[i])
		}
		lines[k] = strings.TrimRight(strings.Join(row, columnGap), " ")
	}
	return lines
}

// widthsOf returns the columns each of n columns needs, at least least.
func widthsOf(texts [][]string, n, least int) []int {
	widths := make([]int, n)
	for i := range widths {
		widths[i] = least
		for _, row := range texts {
			widths[i] = max(widths[i], textWidth(row[i]))
		}
	}
	return widths
}

// narrowest is how far a column of texts is cut; rows of very many columns wrap
// instead.
const narrowest = 8

// fitWidths takes the columns that a row is too wide from the widest texts. Numbers
// are never cut: a cut number reads as another one.
func fitWidths(widths []int, right []bool, width int) {
	total := len(columnGap) * (len(widths) - 1)
	most := 0
	for i, w := range widths {
		total += w
		if !right[i] {
			most = max(most, w)
		}
	}
	for limit := most - 1; total > width && limit >= narrowest; limit-- {
		for i, w := range widths {
			if !right[i] && w > limit && total > width {
				widths[i]--
				total--
			}
		}
	}
}

// cutText shortens s to w columns, the last one an ellipsis.
func cutText(s string, w int) string {
	if textWidth(s) <= w {
		return s
	}
	n := 0
	for i, r := range s {
		if n+runeWidth(r) > w-1 {
			return s[:i] + "…"
		}
		n += runeWidth(r)
	}
	return s
}

func padText(s string, w int, right bool) string {
	blanks := strings.Repeat(" ", max(0, w-textWidth(s)))
	if right {
		return blanks + s
	}
	return s + blanks
}

func textWidth(s string) int {
	n := 0
	for _, r := range s {
		n += runeWidth(r)
	}
	return n
}

// runeWidth is how many columns of a terminal r takes: 0 for marks that stand on
// the character before, 2 for East Asian wide ones and pictures.
func runeWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case unicode.Is(wideRunes, r):
		return 2
	}
	return 1
}

// wideRunes are the characters of Unicode's EastAsianWidth.txt (16.0) with W or F,
// with small gaps of unassigned ones closed.
var wideRunes = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115F, 1}, {0x231A, 0x231B, 1}, {0x2329, 0x232A, 1}, {0x23E9, 0x23EC, 1},
		{0x23F0, 0x23F3, 3}, {0x25FD, 0x25FE, 1}, {0x2614, 0x2615, 1}, {0x2630, 0x2637, 1},
		{0x2648, 0x2653, 1}, {0x267F, 0x2693, 20}, {0x26A1, 0x26AA, 9}, {0x26AB, 0x26BD, 18},
		{0x26BE, 0x26C4, 6}, {0x26C5, 0x26CE, 9}, {0x26D4, 0x26EA, 22}, {0x26F2, 0x26F3, 1},
		{0x26F5, 0x26FA, 5}, {0x26FD, 0x2705, 8}, {0x270A, 0x270B, 1}, {0x2728, 0x274C, 36},
		{0x274E, 0x2753, 5}, {0x2754, 0x2755, 1}, {0x2757, 0x2795, 62}, {0x2796, 0x2797, 1},
		{0x27B0, 0x27BF, 15}, {0x2B1B, 0x2B1C, 1}, {0x2B50, 0x2B55, 5}, {0x2E80, 0x303E, 1},
		{0x3041, 0x4DBF, 1}, {0x4E00, 0xA4CF, 1}, {0xA960, 0xA97C, 1}, {0xAC00, 0xD7A3, 1},
		{0xF900, 0xFAFF, 1}, {0xFE10, 0xFE19, 1}, {0xFE30, 0xFE6F, 1}, {0xFF01, 0xFF60, 1},
		{0xFFE0, 0xFFE6, 1},
	},
	R32: []unicode.Range32{
		{0x16FE0, 0x16FF1, 1}, {0x17000, 0x18D08, 1}, {0x1AFF0, 0x1B2FB, 1}, {0x1D300, 0x1D376, 1},
		{0x1F004, 0x1F0CF, 203}, {0x1F18E, 0x1F191, 3}, {0x1F192, 0x1F19A, 1}, {0x1F200, 0x1F265, 1},
		{0x1F300, 0x1F320, 1}, {0x1F32D, 0x1F335, 1}, {0x1F337, 0x1F37C, 1}, {0x1F37E, 0x1F393, 1},
		{0x1F3A0, 0x1F3CA, 1}, {0x1F3CF, 0x1F3D3, 1}, {0x1F3E0, 0x1F3F0, 1}, {0x1F3F4, 0x1F3F8, 4},
		{0x1F3F9, 0x1F43E, 1}, {0x1F440, 0x1F442, 2}, {0x1F443, 0x1F4FC, 1}, {0x1F4FF, 0x1F53D, 1},
		{0x1F54B, 0x1F54E, 1}, {0x1F550, 0x1F567, 1}, {0x1F57A, 0x1F595, 27}, {0x1F596, 0x1F5A4, 14},
		{0x1F5FB, 0x1F64F, 1}, {0x1F680, 0x1F6C5, 1}, {0x1F6CC, 0x1F6D0, 4}, {0x1F6D1, 0x1F6D2, 1},
		{0x1F6D5, 0x1F6D7, 1}, {0x1F6DC, 0x1F6DF, 1}, {0x1F6EB, 0x1F6EC, 1}, {0x1F6F4, 0x1F6FC, 1},
		{0x1F7E0, 0x1F7F0, 1}, {0x1F90C, 0x1F93A, 1}, {0x1F93C, 0x1F945, 1}, {0x1F947, 0x1F9FF, 1},
		{0x1FA70, 0x1FAFF, 1}, {0x20000, 0x2FFFD, 1}, {0x30000, 0x3FFFD, 1},
	},
}

// terminalSize returns the columns and rows of the terminal w, or of a plain one
// where w does not know.
func terminalSize(w io.Writer) (columns, rows int) {
	if f, ok := w.(*os.File); ok {
		if c, r, err := term.GetSize(int(f.Fd())); err == nil && c > 0 && r > 0 {
			return c, r
		}
	}
	return 80, 24
}
