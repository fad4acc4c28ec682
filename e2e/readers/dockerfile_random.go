package readers

import (
	"math/rand/v2"
	"strconv"
	"strings"
)

// dockerfilePieces are what readers of Dockerfiles may disagree about.
var dockerfilePieces = []string{
	"\\\n", "\\", "`", "`\n", "\\ \n", "\\\t\n", "\\\\\n", "\n", "\r\n", "\r", "\t", " ", "\u00a0", "\u0085", "\v", "\f", "\ufeff", "\x00", "\xff",
	"#", "# escape=`\n", "# escape=\\\n", "# syntax=x\n", "#\n", " # c\n", "<<E\n", "<<E", "<<-E", "3<<E", "<<'E'", "<<\"E F\"", "\nE\n", "\n\tE\n", "$((1 << 2))", "<<<", "<",
	"\"", "'", "$", "$A", "${A}", "${A:-b}", "${A-b}", "${A:+b}", "${A#v}", "${A##*.}", "${A%.*}", "${A%%.*}", "${A/1/2}", "${A//./-}", "${A:?x}", "${A^}", "${", "}", "${B:-${A}}", "$TARGETARCH",
	"--from=", "--from=e:1", "--mount=from=f:1", "--mount=type=bind,from=g:1,target=/x ", "--", "-- ", "FROM ", "from ", "\nFROM evil:1\n", "\nFROM evil:2 AS s0\n", "\nCOPY --from=evil:3 / /\n", "\nRUN ",
	"\nARG A=v1.2\n", "ONBUILD ", "[\"a\", \"b\"]", "[", "]", ",", "=", " AS ", " as x", "s0", "S0", "0", "scratch", ":", "/", "\u00e9", "{{ x }}",
}

// dockerfiles are whole ones to take pieces from.
var dockerfiles = []string{
	"# syntax=docker/dockerfile:1\nARG V=1.25\nFROM --platform=$BUILDPLATFORM golang:${V} AS build\nWORKDIR /src\nCOPY go.mod .\nRUN --mount=type=cache,target=/root/.cache go build \\\n    -o /out ./...\nFROM scratch\nCOPY --from=build /out /out\nENTRYPOINT [\"/out\"]\n",
	"FROM alpine:3 AS base\nRUN <<EOF\nset -e\nFROM not-an-image\nEOF\nFROM base\nCOPY <<-A <<B /x/\n\ta\n\tA\nb\nB\nRUN cat <<'Q' > /y\n$x\nQ\n",
	"# escape=`\nFROM mcr.example.com/windows:1\nRUN dir C:\\\nCOPY a `\n  b\n",
	"ARG R=registry.example.com\nARG I=\"$R/app\" T='3'\nFROM ${I}:${T#v} AS a\nONBUILD COPY --from=x:1 / /\nFROM ${T:+b}:${T}\n",
}

// randomDockerfile makes a Dockerfile: stages with instructions in many styles, and half of the time with places changed.
func randomDockerfile(random *rand.Rand) string {
	var text string
	if oneIn(random, 8) {
		text = pick(random, dockerfiles)
	} else {
		w := dockerfileWriter{random: random}
		text = w.file()
	}
	if oneIn(random, 2) {
		text = mutate(random, text, dockerfilePieces, dockerfiles)
	}
	return text
}

type dockerfileWriter struct {
	random *rand.Rand
	number int
}

func (w *dockerfileWriter) file() string {
	var out strings.Builder
	out.WriteString(pick(w.random, []string{"", "", "", "# syntax=docker/dockerfile:1\n", "# escape=`\n", "# why\n# escape=`\n", "\ufeff", "\n\n", "#Escape = `\n", "# check=skip=all\n"}))
	for range w.random.IntN(3) {
		out.WriteString(w.keyword("ARG") + " " + pick(w.random, []string{"A=v1.2.3", "A", "B='x y'", "B=\"$A\"", "A=v1.${C:-2}", "C= D=1", "A=v1 B='2'", "B=${A#v}", "B=$A$A", "A=\"v1\" # c", "T=\\$A"}) + "\n")
	}
	for i := range 1 + w.random.IntN(3) {
		out.WriteString(w.keyword("FROM") + " " + pick(w.random, []string{"", "", "", "--platform=linux/amd64 ", "--platform=$BUILDPLATFORM "}) + w.base(i))
		if oneIn(w.random, 2) {
			out.WriteString(pick(w.random, []string{" AS ", " as ", "  AS\t"}) + pick(w.random, []string{"s", "S"}) + strconv.Itoa(i))
		}
		out.WriteString(w.end())
		for range w.random.IntN(4) {
			out.WriteString(w.instruction())
		}
	}
	return out.String()
}

func (w *dockerfileWriter) keyword(word string) string {
	switch w.random.IntN(12) {
	case 0:
		return strings.ToLower(word)
	case 1:
		return "  " + word
	case 2:
		return word + pick(w.random, []string{" \\\n ", " \\\n# c\n ", " `\n", "\t", " \\\n\n"})
	}
	return word
}

func (w *dockerfileWriter) end() string {
	return pick(w.random, []string{"\n", "\n", "\n", "\n\n", "\r\n", " \n", " \\\n\n", "\n# c\n", "\n  # c\n"})
}

func (w *dockerfileWriter) base(i int) string {
	w.number++
	number := strconv.Itoa(w.number)
	if i > 0 && oneIn(w.random, 3) {
		return pick(w.random, []string{"s", "S"}) + strconv.Itoa(w.random.IntN(i+1))
	}
	return pick(w.random, []string{
		"a:" + number, "registry.example.com:5000/x/y:" + number, "scratch", "b:$A", "b:${A}", "b:${A:-" + number + "}", "b:${A#v}", "b:${A%.*}", "b:${A%%.*}", "b:${A/v1/v2}", "b:${A//./-}",
		"\"c:" + number + "\"", "'c:" + number + "'", "c:'$A'", "c:\"${A:+" + number + "}\"", "$B", "${B:-d:" + number + "}", "d:$TARGETARCH", "d:\\$A", "e:${A:?none}", "${N:-${B:-f:" + number + "}}",
	})
}

func (w *dockerfileWriter) instruction() string {
	w.number++
	number := strconv.Itoa(w.number)
	image := "i:" + number
	switch w.random.IntN(12) {
	case 0:
		return w.keyword("COPY") + " --from=" + pick(w.random, []string{image, "s0", "S1", "0", "1", "7", "scratch", "\"" + image + "\""}) + " /a /b" + w.end()
	case 1:
		return w.keyword("RUN") + " --mount=" + pick(w.random, []string{"from=" + image, "type=bind,from=" + image + ",target=/x", "type=bind,from=s0,target=/x", "\"type=bind\",\"from=" + image + "\"", "type=cache,target=/y", "From=" + image, "from=a,from=" + image, "from="}) + " make" + w.end()
	case 2:
		return w.keyword("RUN") + " " + pick(w.random, []string{"cat <<E", "<<E", "<<-E", "cat <<'E' >x", "a<<E", "cat <<E ${x:-y}", "3<<E cat", "cat << E", "<<E\r"}) + "\n" +
			pick(w.random, []string{"FROM evil:1\n", "x\n", "\tE\n", "E \n", ""}) + pick(w.random, []string{"E\n", "E\n", "E\n", "E", "E\r\n", "\tE\n", "F\n"})
	case 3:
		return w.keyword("COPY") + " <<A <<B /x/\na\nA\nFROM evil:2\nB\n"
	case 4:
		return w.keyword("ONBUILD") + " " + pick(w.random, []string{"COPY --from=" + image + " / /", "RUN --mount=from=" + image + " x", "RUN x", "ADD a b", "RUN <<E\nFROM evil:3\nE"}) + w.end()
	case 5:
		return w.keyword("RUN") + " echo " + pick(w.random, []string{"C:\\\\", "'a", "\"a\\", "a # b", "$((1 << 2))", "a \\\n  b", "a \\ ", "`a`", "a `", "\\", "a\\\\\\", "\"<<E\""}) + w.end()
	case 6:
		return w.keyword("ENV") + " " + pick(w.random, []string{"A=1", "A 1", "A=\"1 2\" B=2"}) + w.end()
	case 7:
		return w.keyword("LABEL") + " a=\"FROM x\"" + w.end()
	case 8:
		return "# FROM " + image + "\n"
	case 9:
		return w.keyword("RUN") + " [\"a\", \"<<E\"]" + w.end()
	case 10:
		return w.keyword("ARG") + " A=stage" + w.end()
	}
	return w.keyword("RUN") + " a \\\n# FROM evil:4\n\n  b" + w.end()
}
