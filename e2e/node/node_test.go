package node

import (
	"encoding/json"
	"reflect"
	"testing"
)

// TestCases confirms each line of the data file, and that the kubelet and containerd agree on it.
func TestCases(t *testing.T) {
	cases, err := Cases("../../imagereview-core/tests/data/references.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lines := map[string]int{}
	accepted := 0
	for i, row := range cases {
		line := i + 1
		if first, ok := lines[row.Input]; ok {
			t.Errorf("line %d repeats the input of line %d: %q", line, first, row.Input)
		}
		lines[row.Input] = line

		read, refused := Read(row.Input)
		if !reflect.DeepEqual(read, row.Node) {
			t.Errorf("line %d, %q:\n  the file says %s\n  the node says %s (%v)", line, row.Input, show(row.Node), show(read), refused)
		}
		if read == nil {
			continue
		}
		accepted++
		// The kubelet and containerd read the string one after the other: neither may change what the other saw.
		resolved, err := Resolve(row.Input)
		if err != nil {
			t.Errorf("line %d, %q: %v", line, row.Input, err)
		} else if want := pulled(read); resolved != want {
			t.Errorf("line %d, %q: containerd pulls %q, its parts say %q", line, row.Input, resolved, want)
		}
	}
	if refused := len(cases) - accepted; accepted < 100 || refused < 100 {
		t.Errorf("the file should hold at least 100 cases of each kind, not %d accepted and %d refused", accepted, refused)
	}
}

// pulled is the reference that containerd should pull for these parts: a digest wins over a tag, no tag is latest.
func pulled(read *Reference) string {
	name := read.Path
	if read.Domain != "" {
		name = read.Domain + "/" + read.Path
	}
	switch {
	case read.Digest != nil:
		return name + "@" + *read.Digest
	case read.Tag != nil:
		return name + ":" + *read.Tag
	default:
		return name + ":latest"
	}
}

func show(read *Reference) string {
	if read == nil {
		return "refused"
	}
	text, err := json.Marshal(read)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
