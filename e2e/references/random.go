// Package references makes image references at random, and has those that were recorded.
package references

import (
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// Random makes a string that is, or nearly is, an image reference: half come from the grammar with a taste for
// its limits, the others are mutations of such and of the corpus, or letters and signs at random.
func Random(random *rand.Rand, corpus []string) string {
	switch random.IntN(20) {
	case 0:
		return repeat(random, 0, 14, func() string { return Pick(random, letters) })
	case 1, 2, 3, 4, 5:
		return Mutate(random, corpus, Pick(random, corpus))
	case 6, 7, 8:
		return Mutate(random, corpus, fromGrammar(random))
	default:
		return fromGrammar(random)
	}
}

var (
	letters    = strings.Split("a b c f F X x 0 1 9 . _ - : / @ [ ]", " ")
	hosts      = []string{"localhost", "LOCALHOST", "docker.io", "Docker.io", "index.docker.io", "127.0.0.1", "a.b", "a_b.c", "A", "[::1]", "[2001:DB8::a]", "[FF]", "sha256"}
	ports      = []string{"5000", "0", "", "65536", "x", "99999999999999999999", "\uff15", "-1", "80:90"}
	separators = []string{".", "_", "__", "-", "--", "---", "..", "._", ".-", "_-", "___", ""}
	algorithms = []string{"sha256", "sha256", "sha256", "sha384", "sha512", "md5", "SHA256", "sha256+b64", "a.b", "a..b", ""}
	pieces     = []string{
		"\u00e9", "\uff11", "\u0661", "\u0301", "\u200b", "\u017f", "\u212a", "\u0130", " ", "\n", "\x00", "%", "+", "A", "/", "@", ":",
		"latest", "library/", "sha256:", "md5:", ":5000", "[::1]", strings.Repeat("a", 64), strings.Repeat("F", 32), strings.Repeat("a", 250),
	}
)

func fromGrammar(random *rand.Rand) string {
	var image strings.Builder
	if random.IntN(5) < 3 {
		if random.IntN(4) == 0 {
			image.WriteString(Pick(random, hosts))
		} else if random.IntN(6) == 0 {
			image.WriteString("[" + repeat(random, 0, 8, func() string { return Pick(random, []string{"a", "f", "A", "0", "1", ":", ":", "::", "g", "."}) }) + "]")
		} else {
			image.WriteString(component(random, true))
			image.WriteString(repeat(random, 0, 2, func() string { return "." + component(random, true) }))
		}
		if random.IntN(5) < 2 {
			image.WriteString(":" + Pick(random, ports))
		}
		image.WriteString("/")
	}
	image.WriteString(component(random, random.IntN(16) == 0))
	image.WriteString(repeat(random, 0, 2, func() string { return "/" + component(random, random.IntN(16) == 0) }))
	if random.IntN(25) == 0 {
		image.WriteString(strings.Repeat("a", max(0, 244+random.IntN(14)-image.Len())))
	}
	if random.IntN(2) == 0 {
		image.WriteString(":" + repeat(random, 1, 5, func() string { return Pick(random, []string{"a", "Z", "0", "_", ".", "-"}) }))
		switch random.IntN(20) {
		case 0:
			image.WriteString(Pick(random, pieces))
		case 1:
			image.WriteString(strings.Repeat("a", 122+random.IntN(6)))
		}
	}
	if random.IntN(3) == 0 {
		algorithm := Pick(random, algorithms)
		length := map[string]int{"sha384": 96, "sha512": 128}[algorithm]
		if length == 0 {
			length = 64
		}
		if random.IntN(8) == 0 {
			length += random.IntN(3) - 1
		}
		image.WriteString("@" + algorithm + ":" + repeat(random, length, length, func() string { return Pick(random, strings.Split("0123456789abcdef", "")) }))
	}
	return image.String()
}

// component is a component of a path or host name, sometimes with upper case, sometimes with a separator too many.
func component(random *rand.Rand, upper bool) string {
	alphabet := []string{"a", "b", "z", "0", "9"}
	if upper && random.IntN(3) == 0 {
		alphabet = append(alphabet, "F", "X")
	}
	word := func() string { return repeat(random, 1, 3, func() string { return Pick(random, alphabet) }) }
	text := word() + repeat(random, 0, 1, func() string { return Pick(random, separators) + word() })
	switch random.IntN(40) {
	case 0:
		return Pick(random, separators) + text
	case 1:
		return text + Pick(random, separators)
	}
	return text
}

// Mutate changes up to three places of a text.
func Mutate(random *rand.Rand, corpus []string, text string) string {
	for range 1 + random.IntN(3) {
		runes := []rune(text)
		at := random.IntN(len(runes) + 1)
		before, after := string(runes[:at]), string(runes[at:])
		_, next := utf8.DecodeRuneInString(after)
		switch random.IntN(8) {
		case 0, 1:
			text = before + Pick(random, letters) + after
		case 2:
			text = before + after[next:]
		case 3:
			text = before + Pick(random, letters) + after[next:]
		case 4:
			text = before + Pick(random, pieces) + after
		case 5:
			other := []rune(Pick(random, corpus))
			text = before + string(other[random.IntN(len(other)+1):])
		case 6:
			text = before + strings.ToUpper(after[:next]) + after[next:]
		case 7:
			text = before + string(rune(random.IntN(0x3000))) + after
		}
	}
	return text
}

// repeat joins between least and most texts.
func repeat(random *rand.Rand, least, most int, text func() string) string {
	var all strings.Builder
	for range least + random.IntN(most-least+1) {
		all.WriteString(text())
	}
	return all.String()
}

// Pick gives one of some texts.
func Pick(random *rand.Rand, from []string) string { return from[random.IntN(len(from))] }
