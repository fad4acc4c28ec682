package readers

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }

// oneIn is true once in so many times.
func oneIn(random *rand.Rand, times int) bool { return random.IntN(times) == 0 }

// mutate changes up to four places of a text: something is put in, left out, doubled, moved, or taken from another text.
func mutate(random *rand.Rand, text string, pieces, corpus []string) string {
	for range 1 + random.IntN(4) {
		at := place(random, text)
		before, after := text[:at], text[at:]
		_, next := utf8.DecodeRuneInString(after)
		switch random.IntN(9) {
		case 0, 1, 2:
			text = before + pick(random, pieces) + after
		case 3:
			text = before + after[next:]
		case 4:
			text = before + pick(random, pieces) + after[next:]
		case 5:
			other := pick(random, corpus)
			from := place(random, other)
			text = before + other[from:min(len(other), from+random.IntN(60))] + after
		case 6:
			text = before + after[min(len(after), random.IntN(12)):]
		case 7:
			until := min(len(after), random.IntN(40))
			text = before + after[:until] + after[:until] + after[until:]
		case 8:
			lines := strings.SplitAfter(text, "\n")
			from, to := random.IntN(len(lines)), random.IntN(len(lines))
			lines[from], lines[to] = lines[to], lines[from]
			text = strings.Join(lines, "")
		}
	}
	return text
}

// place is somewhere in a text, more often than not where a word or a line begins or ends.
func place(random *rand.Rand, text string) int {
	at := random.IntN(len(text) + 1)
	if oneIn(random, 3) {
		return at
	}
	if next := strings.IndexAny(text[at:], "\n :\"'-{}[]#,$<"); next >= 0 {
		at += next + random.IntN(2)
	}
	return at
}
