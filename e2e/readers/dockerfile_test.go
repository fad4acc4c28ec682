package readers

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestDockerfilesAgree reads texts as BuildKit does and with imagereview, and compares what is pulled.
func TestDockerfilesAgree(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 2))
	counts := tally{differences: rows(t, "dockerfiles")}
	name := func(i int) string { return filepath.Join(strconv.Itoa(i), "Dockerfile") }
	for done := 0; done < *documents; done += batch {
		texts := make([][]byte, min(batch, *documents-done))
		for i := range texts {
			texts[i] = []byte(randomDockerfile(random))
		}
		folder := t.TempDir()
		ours, err := imagereview(folder, texts, name)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			ours[i].sort()
			theirs, isText, err := buildkit(text)
			if err != nil && !isText && len(ours[i].Refusals) == 0 {
				// Nothing is built, for a fault in an instruction that has nothing to do with images.
				counts.refused++
				continue
			}
			counts.compare(t, text, ours[i], theirs, err)
		}
		os.RemoveAll(folder)
	}
	counts.log(t)
}
