package timestamp

var (
	months   = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	weekdays = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

func letters(a, b, c byte) uint32 { return uint32(a)<<16 | uint32(b)<<8 | uint32(c) | 0x202020 }

// month returns the number of the month whose first three letters b begins
// with, in any case, or 0.
func month(b []byte) int {
	switch letters(b[0], b[1], b[2]) {
	case 'j'<<16 | 'a'<<8 | 'n':
		return 1
	case 'f'<<16 | 'e'<<8 | 'b':
		return 2
	case 'm'<<16 | 'a'<<8 | 'r':
		return 3
	case 'a'<<16 | 'p'<<8 | 'r':
		return 4
	case 'm'<<16 | 'a'<<8 | 'y':
		return 5
	case 'j'<<16 | 'u'<<8 | 'n':
		return 6
	case 'j'<<16 | 'u'<<8 | 'l':
		return 7
	case 'a'<<16 | 'u'<<8 | 'g':
		return 8
	case 's'<<16 | 'e'<<8 | 'p':
		return 9
	case 'o'<<16 | 'c'<<8 | 't':
		return 10
	case 'n'<<16 | 'o'<<8 | 'v':
		return 11
	case 'd'<<16 | 'e'<<8 | 'c':
		return 12
	}
	return 0
}

// weekday returns the number of the day whose first three letters b begins
// with, Sunday is 0, or -1.
func weekday(b []byte) int {
	for i, name := range weekdays {
		if letters(b[0], b[1], b[2]) == letters(name[0], name[1], name[2]) {
			return i
		}
	}
	return -1
}

// longName returns the index of the name that b begins with and its length, in
// any case: the full name, else its first three letters; -1 where there is none.
func longName(b []byte, names []string) (index, n int) {
	for i, name := range names {
		if len(b) >= len(name) && equalFold(b[:len(name)], name) {
			return i, len(name)
		}
	}
	for i, name := range names {
		if len(b) >= 3 && equalFold(b[:3], name[:3]) {
			return i, 3
		}
	}
	return -1, 0
}

// equalFold compares ASCII letters without regard to case.
func equalFold(b []byte, name string) bool {
	for i := range b {
		if b[i]|0x20 != name[i]|0x20 {
			return false
		}
	}
	return true
}
