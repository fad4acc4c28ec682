package readers

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// TestComposeFilesAgree reads texts as Docker Compose does and with imagereview, and compares what is pulled.
func TestComposeFilesAgree(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 3))
	counts := tally{differences: rows(t, "compose")}
	var corpus []string
	for range 200 {
		corpus = append(corpus, randomCompose(random, []string{"services:\n  a: {image: b}\n"}))
	}
	name := func(i int) string { return filepath.Join(strconv.Itoa(i), "compose.yaml") }
	for done := 0; done < *documents; done += batch {
		texts := make([][]byte, min(batch, *documents-done))
		for i := range texts {
			texts[i] = []byte(randomCompose(random, corpus))
		}
		folder := t.TempDir()
		ours, err := imagereview(folder, texts, name)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			path := filepath.Join(folder, name(i))
			theirs, err := compose(path, filepath.Dir(path), text)
			ours[i].unplaced()
			if err != nil {
				// Nothing is run, mostly for a fault that has nothing to do with images.
				counts.refused++
				continue
			}
			counts.compare(t, text, ours[i], theirs, nil)
		}
		os.RemoveAll(folder)
	}
	counts.log(t)
}
