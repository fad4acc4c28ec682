package readers

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// composePieces are what readers of Compose files may disagree about, beside what readers of YAML do.
var composePieces = append([]string{
	"$", "$$", "${A}", "${A:-b:1}", "${A-b:1}", "${A:+b:1}", "${A:?no}", "${", "services:\n", "image: evil:1\n", "x-a: &d {image: \"evil:2\"}\n", "extends: s0\n", "build: .\n", "!reset null", "!override ",
	"  s9: {image: \"evil:3\"}\n", "include: [other.yaml]\n", "type: image", "docker-image://evil:4", "kind: Pod\n", "null", "profiles: [a]\n",
}, yamlPieces...)

// randomCompose makes a Compose file: services of many kinds in the styles of YAML, and a third of the time with places
// changed.
func randomCompose(random *rand.Rand, corpus []string) string {
	w := yamlWriter{random: random}
	var services []entry
	for i := range 1 + random.IntN(3) {
		services = append(services, field("s"+strconv.Itoa(i), w.service(i)))
	}
	file := mapping(field("services", mapping(services...)))
	if oneIn(random, 3) {
		file.entries = append([]entry{
			field("x-d", raw(pick(random, []string{"&d {image: \"d:1\"}", "&d {environment: {A: b}}", "&d {build: {context: ., cache_from: [\"d:2\"]}}"}))),
			field("x-e", raw(pick(random, []string{"&e {image: \"e:1\"}", "&e {<<: *d, restart: always}", "&e {restart: always, <<: *d}"}))),
		}, file.entries...)
		for i := range services {
			if oneIn(random, 2) {
				more := field("<<", raw(pick(random, []string{"*d", "*e", "[*d, *e]", "[*e, *d]"})))
				all := services[i].value.entries
				at := random.IntN(len(all) + 1)
				services[i].value.entries = append(all[:at:at], append([]entry{more}, all[at:]...)...)
			}
		}
		file.entries[len(file.entries)-1].value = mapping(services...)
	}
	text := w.block(file, 0)
	if oneIn(random, 3) {
		text = mutate(random, text, composePieces, corpus)
	}
	return text
}

func (w *yamlWriter) service(i int) tree {
	var entries []entry
	image := func() tree { return scalar(w.composeImage()) }
	if !oneIn(w.random, 4) {
		entries = append(entries, field("image", image()))
	}
	if len(entries) == 0 || oneIn(w.random, 4) {
		build := []entry{field("context", scalar("."))}
		if oneIn(w.random, 2) {
			build = append(build, field("dockerfile_inline", scalar(fmt.Sprintf("FROM %s AS a\nFROM base\nCOPY --from=%s / /\nCOPY --from=a / /\n", w.image(), w.image()))))
		}
		if oneIn(w.random, 2) {
			name := pick(w.random, []string{"base", "BASE", "other"})
			from := pick(w.random, []string{"docker-image://" + w.image(), "./x", "https://example.com/x.git"})
			if oneIn(w.random, 2) {
				build = append(build, field("additional_contexts", mapping(field(name, scalar(from)))))
			} else {
				build = append(build, field("additional_contexts", list(scalar(name+"="+from))))
			}
		}
		if oneIn(w.random, 2) {
			build = append(build, field("cache_from", list(scalar(pick(w.random, []string{w.image(), "type=registry,ref=" + w.image(), "type=local,src=./x"})))))
		}
		entries = append(entries, field("build", mapping(build...)))
	}
	if oneIn(w.random, 3) {
		volume := mapping(field("type", scalar("image")), field("source", image()), field("target", scalar("/m")))
		entries = append(entries, field("volumes", list(scalar("./a:/a"), volume)))
	}
	if i > 0 && oneIn(w.random, 4) {
		entries = append(entries, field("extends", mapping(field("service", scalar("s0")))))
	}
	if oneIn(w.random, 4) {
		entries = append(entries, field("command", list(scalar(w.text()), scalar("b"))))
	}
	w.random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return mapping(entries...)
}

func (w *yamlWriter) composeImage() string {
	image := w.image()
	return pick(w.random, []string{image, image, image, image, "${A:-" + image + "}", "a:${B-2}", "b:${C:+3}4", "$${D}:5", "${E:-${F:-" + image + "}}"})
}
