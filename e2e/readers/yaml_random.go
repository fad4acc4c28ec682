package readers

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// yamlPieces are what readers of YAML and of streams of it have been seen to disagree about.
var yamlPieces = []string{
	"\u0085", "\u2028", "\u2029", "\u00a0", "\ufeff", "\u3000", "\r", "\r\n", "\n", "\n\n", "\t", " ", "  ", "\f", "\v", "\x00", "\x07", "\x7f", "\xff",
	"---", "\n---\n", "\n--- ", "\n---x\n", "\n--- # c\n", "\n...\n", "%YAML 1.1\n---\n", "%YAML 1.2\n---\n", "%TAG ! tag:x.example.com,2000:\n---\n",
	"<<: *d\n", "<<: *e\n", "<<: [*d, *e]\n", "<<: {image: evil:1}\n", "? ", ": ", ":", "- ", "-", "# ", " #", "#", "&d ", "*d", "&e ", "*e", "&a:b ", "*a:b ",
	"!!str ", "!!binary ", "!!map ", "!!seq ", "!!null ", "!!int ", "!!merge ", "! ", "!x ", "!!set ", "!<tag:yaml.org,2002:str> ", "!!timestamp ", "!!float ", "!!bool ",
	"|", "|-\n", ">", ">-\n", "|2\n", "|+\n", "'", "\"", "''", "\\", "\\\n", "\\x", "\\u0061", "\\ud800", "\\/", "\\N", "{", "}", "[", "]", ",", "{}", "[]", "@", "`", "%", "~",
	"null", "Null", "yes", "0x1F", "1_0", "0o7", "1:30", "1e3", ".inf", "2001-01-01", "kind: Pod\n", "image: evil:1\n", "image: evil:1", "\"image\": evil:2", "spec:\n", "? image\n: evil:3\n",
	"apiVersion: v1\nkind: Pod\nmetadata: {name: q}\nspec: {containers: [{name: z, image: \"evil:4\"}]}\n",
	`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"j"},"spec":{"containers":[{"name":"a","image":"json:1"}]}}`,
}

// A tree is a value that is yet to be written.
type tree struct {
	scalar  string
	list    []tree
	entries []entry
	kind    byte // 's', 'l' or 'm'
}

type entry struct {
	key   string
	value tree
}

func scalar(text string) tree        { return tree{kind: 's', scalar: text} }
func list(items ...tree) tree        { return tree{kind: 'l', list: items} }
func mapping(all ...entry) tree      { return tree{kind: 'm', entries: all} }
func raw(text string) tree           { return tree{kind: 'r', scalar: text} }
func field(key string, v tree) entry { return entry{key, v} }

// randomYAML makes a stream of documents: objects in all the styles that YAML has for them, and half of the time with
// places changed.
func randomYAML(random *rand.Rand, corpus []string) string {
	var text string
	if oneIn(random, 6) {
		text = pick(random, corpus)
	} else {
		w := yamlWriter{random: random}
		for i := range 1 + random.IntN(2) {
			if i > 0 {
				text += pick(random, []string{"---\n", "---\n", "---\n", "--- \n", "--- # c\n", "---\r\n", "...\n---\n", "\n"})
			}
			text += w.document()
		}
		if oneIn(random, 20) {
			text = strings.ReplaceAll(text, "\n", pick(random, []string{"\r\n", "\r", "\u0085", "\u2028"}))
		}
		if oneIn(random, 30) {
			text = "\ufeff" + text
		}
	}
	if oneIn(random, 3) {
		text = mutate(random, text, yamlPieces, corpus)
	}
	return text
}

type yamlWriter struct {
	random *rand.Rand
	number int
}

// document is one object, or a list of some, or JSON.
func (w *yamlWriter) document() string {
	object := w.object()
	switch w.random.IntN(12) {
	case 0:
		object = mapping(field("apiVersion", scalar("v1")), field("kind", raw("List")), field("items", list(object, w.object())))
	case 1:
		return w.flow(object, true) + pick(w.random, []string{"\n", "", " ", "\n\n"})
	case 2:
		return w.flow(object, false) + "\n"
	}
	if oneIn(w.random, 3) {
		anchors := []entry{
			field("x", raw(pick(w.random, []string{"&d {image: \"d:1\"}", "&d {containers: [{name: d, image: \"d:2\"}]}", "&d {kind: Deployment}", "&d {name: d}"}))),
			field("y", raw(pick(w.random, []string{"&e {image: \"e:1\"}", "&e {<<: *d, name: e}", "&e {name: e, <<: *d}", "&e {x: *d}"}))),
		}
		object.entries = append(anchors, object.entries...)
		w.spice(&object)
	}
	return w.block(object, 0)
}

func (w *yamlWriter) object() tree {
	w.number++
	name := "n" + strconv.Itoa(w.number)
	metadata := field("metadata", mapping(field("name", scalar(name))))
	spec := w.podSpec()
	var entries []entry
	switch w.random.IntN(5) {
	case 0:
		entries = []entry{field("apiVersion", scalar("apps/v1")), field("kind", scalar("Deployment")), metadata,
			field("spec", mapping(field("replicas", scalar("2")), field("template", mapping(field("spec", spec)))))}
	case 1:
		entries = []entry{field("apiVersion", scalar("v1")), field("kind", scalar("ConfigMap")), metadata,
			field("data", mapping(field("a", scalar(w.text())), field("b", scalar(w.text()))))}
	default:
		entries = []entry{field("apiVersion", scalar("v1")), field("kind", scalar("Pod")), metadata, field("spec", spec)}
	}
	w.random.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	return mapping(entries...)
}

func (w *yamlWriter) podSpec() tree {
	var entries []entry
	for _, name := range []string{"containers", "initContainers"} {
		var containers []tree
		for i := range w.random.IntN(3) {
			container := []entry{field("name", scalar(fmt.Sprintf("c%d", i))), field("image", scalar(w.image()))}
			if oneIn(w.random, 3) {
				container = append(container, field("args", list(scalar(w.text()), scalar(w.text()))))
			}
			containers = append(containers, mapping(container...))
		}
		if len(containers) > 0 || oneIn(w.random, 6) {
			entries = append(entries, field(name, list(containers...)))
		}
	}
	if oneIn(w.random, 4) {
		entries = append(entries, field("nodeSelector", mapping(field("a", scalar(w.text())))))
	}
	return mapping(entries...)
}

// spice puts merge keys, aliases and keys that stand twice into some of the mappings.
func (w *yamlWriter) spice(t *tree) {
	for i := range t.list {
		w.spice(&t.list[i])
	}
	for i := range t.entries {
		w.spice(&t.entries[i].value)
		if oneIn(w.random, 14) {
			t.entries[i].value = raw(pick(w.random, []string{"*d", "*e"}))
		}
	}
	if t.kind != 'm' || !oneIn(w.random, 3) {
		return
	}
	more := field("<<", raw(pick(w.random, []string{"*d", "*e", "[*d, *e]", "[*e, *d]", "{image: \"m:1\"}", "{name: m}", "{containers: []}"})))
	if oneIn(w.random, 5) && len(t.entries) > 0 {
		more = field(pick(w.random, t.entries).key, scalar(w.image()))
	}
	at := w.random.IntN(len(t.entries) + 1)
	t.entries = append(t.entries[:at:at], append([]entry{more}, t.entries[at:]...)...)
}

func (w *yamlWriter) image() string {
	w.number++
	return pick(w.random, []string{"nginx:1.", "registry.example.com:5000/a/b:", "redis:", "a/b@sha256:"}) + strconv.Itoa(w.number)
}

func (w *yamlWriter) text() string {
	return pick(w.random, []string{
		"a", "", "b c", "- d", "x: y", "# no", "a #b", "a\nb\n", "a\n\n  b\n", "tab\there", "\u00e9", "\u2028", "\u0085", "\U0001F600", "null", "yes", "1", "1_000", "0x1f", "1:30", "~", "{{ .Values.x }}",
		"'", "\"", "\\", "*d", "&d", "!x", "%", "@a", "`a`", "image: evil:6", "---\nkind: Pod\n", strings.Repeat("long ", 30), "a: b: c", "[a", "{a", ",", "-", ":", "?", "<<",
	})
}

// block writes a value in block style, with the parts of it in any style.
func (w *yamlWriter) block(t tree, indent int) string {
	blanks := strings.Repeat(" ", indent)
	var out strings.Builder
	switch {
	case t.kind == 'm' && len(t.entries) > 0:
		for _, e := range t.entries {
			if oneIn(w.random, 25) {
				out.WriteString(pick(w.random, []string{"\n", blanks + "# comment\n", "# comment\n", blanks + "\t\n", "   \n"}))
			}
			out.WriteString(blanks + w.key(e.key) + ":" + w.property())
			switch {
			case e.value.kind == 'm' && len(e.value.entries) > 0 && !oneIn(w.random, 6):
				out.WriteString(w.end() + w.block(e.value, indent+1+w.random.IntN(3)))
			case e.value.kind == 'l' && len(e.value.list) > 0 && !oneIn(w.random, 6):
				out.WriteString(w.end() + w.block(e.value, indent+w.random.IntN(3)))
			default:
				out.WriteString(" " + w.inline(e.value, indent) + w.end())
			}
		}
	case t.kind == 'l' && len(t.list) > 0:
		for _, item := range t.list {
			out.WriteString(blanks + "-")
			if item.kind == 'm' && len(item.entries) > 0 && !oneIn(w.random, 4) {
				gap := 1 + w.random.IntN(2)
				text := w.block(item, indent+1+gap)
				out.WriteString(strings.Repeat(" ", gap) + strings.TrimLeft(text, " "))
			} else {
				out.WriteString(" " + w.inline(item, indent) + w.end())
			}
		}
	default:
		out.WriteString(w.inline(t, indent) + "\n")
	}
	return out.String()
}

func (w *yamlWriter) end() string {
	if oneIn(w.random, 20) {
		return pick(w.random, []string{" # c\n", "  \n", "\t\n", " #\n", "\r\n"})
	}
	return "\n"
}

func (w *yamlWriter) key(key string) string {
	switch w.random.IntN(25) {
	case 0:
		return "\"" + key + "\""
	case 1:
		return "'" + key + "'"
	case 2:
		return key + " "
	case 3:
		return pick(w.random, []string{"? ", "!!str ", "&k ", "! "}) + key
	case 4:
		return fmt.Sprintf("\"\\u%04x%s\"", key[0], key[1:])
	}
	return key
}

// property is an anchor or a tag, now and then.
func (w *yamlWriter) property() string {
	if oneIn(w.random, 60) {
		return pick(w.random, []string{" &d", " &z", " !!map", " !!str", " !x", " !!seq", " !"})
	}
	return ""
}

func (w *yamlWriter) inline(t tree, indent int) string {
	switch {
	case t.kind == 'r':
		return t.scalar
	case t.kind != 's':
		return w.flow(t, oneIn(w.random, 3))
	}
	text := t.scalar
	switch w.random.IntN(8) {
	case 0:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	case 1:
		return strconv.Quote(text)
	case 2:
		blanks := strings.Repeat(" ", indent+1+w.random.IntN(3))
		return pick(w.random, []string{"|", "|-", "|+", ">", ">-"}) + "\n" + blanks + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+blanks)
	case 3:
		if !strings.ContainsAny(text, ":#-{}[]'\"%@`!&*,?|>") {
			return strings.ReplaceAll(text, " ", pick(w.random, []string{" ", "\n" + strings.Repeat(" ", indent+2)}))
		}
	}
	if strings.ContainsAny(text, ":#'\"\\*&!%@`[{,?\n-~") && !oneIn(w.random, 12) && !strings.Contains(text, ":1") {
		return strconv.Quote(text)
	}
	return text
}

// flow writes a value in flow style: as JSON, or as YAML has it.
func (w *yamlWriter) flow(t tree, asJSON bool) string {
	blank := func() string {
		if oneIn(w.random, 4) {
			return pick(w.random, []string{" ", "", "\n ", "  "})
		}
		return " "
	}
	var parts []string
	switch t.kind {
	case 'r':
		if asJSON {
			return "null"
		}
		return t.scalar
	case 's':
		if asJSON || oneIn(w.random, 2) || strings.ContainsAny(t.scalar, "{}[]'\"%@`!&*,?|>#\n\t\\") && !oneIn(w.random, 20) {
			return strconv.Quote(t.scalar)
		}
		return pick(w.random, []string{t.scalar, "\"" + t.scalar + "\"", "'" + t.scalar + "'"})
	case 'l':
		for _, item := range t.list {
			parts = append(parts, w.flow(item, asJSON))
		}
		return "[" + strings.Join(parts, ","+blank()) + "]"
	}
	for _, e := range t.entries {
		key := e.key
		if asJSON || oneIn(w.random, 3) {
			key = strconv.Quote(key)
		}
		gap := " "
		if asJSON {
			gap = pick(w.random, []string{"", " ", "  "})
		}
		parts = append(parts, key+":"+gap+w.flow(e.value, asJSON))
	}
	return "{" + strings.Join(parts, ","+blank()) + "}"
}
