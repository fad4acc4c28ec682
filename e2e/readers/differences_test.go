package readers

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestDifferences confirms each row of the table: imagereview refuses the example with that message, and the other reader
// takes it.
func TestDifferences(t *testing.T) {
	t.Parallel()
	names := map[string]string{"manifests": "a.yaml", "dockerfiles": "Dockerfile", "compose": "compose.yaml"}
	for reader, name := range names {
		for _, row := range rows(t, reader) {
			// JSON has no word for a byte that is no character.
			text := []byte(strings.ReplaceAll(row.Example, "\ufffd", "\xff"))
			folder := t.TempDir()
			ours, err := imagereview(folder, [][]byte{text}, func(int) string { return name })
			if err != nil {
				t.Fatal(err)
			}
			isRefused := false
			for _, message := range ours[0].Refusals {
				isRefused = isRefused || row.matches(message)
			}
			if !isRefused {
				t.Errorf("%s, %s: imagereview says %q", reader, row.Name, ours[0].Refusals)
			}
			path := filepath.Join(folder, name)
			switch reader {
			case "manifests":
				_, err = kubectl(path)
			case "dockerfiles":
				_, _, err = buildkit(text)
			case "compose":
				_, err = compose(path, folder, text)
			}
			if err != nil {
				t.Errorf("%s, %s: the other reader refuses it too: %v", reader, row.Name, err)
			}
		}
	}
}
