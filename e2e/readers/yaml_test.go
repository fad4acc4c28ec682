package readers

import (
	"flag"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var (
	seed      = flag.Uint64("seed", 1, "where the random documents begin")
	documents = flag.Int("documents", 2_000, "how many random documents of each kind are read")
)

// batch is how many texts are read at a time.
const batch = 5000

// TestManifestsAgree reads texts as kubectl does and with imagereview, and compares the images of each object.
func TestManifestsAgree(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 1))
	corpus := manifests(t)
	counts := tally{differences: rows(t, "manifests")}
	for done := 0; done < *documents; done += batch {
		texts := make([][]byte, min(batch, *documents-done))
		for i := range texts {
			texts[i] = []byte(randomYAML(random, corpus))
		}
		folder := t.TempDir()
		name := numbered(".yaml")
		ours, err := imagereview(folder, texts, name)
		if err != nil {
			t.Fatal(err)
		}
		for i, text := range texts {
			theirs, err := kubectl(filepath.Join(folder, name(i)))
			counts.compare(t, text, ours[i], theirs, err)
		}
		os.RemoveAll(folder)
	}
	counts.log(t)
}

// manifests are those that Kubernetes publishes with its own tests.
func manifests(t *testing.T) []string {
	t.Helper()
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	err = filepath.WalkDir(filepath.Join(strings.TrimSpace(string(folder)), "test"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".json"}, filepath.Ext(path)) {
			return err
		}
		text, err := os.ReadFile(path)
		if len(text) < 4<<10 && strings.Contains(string(text), "image") {
			found = append(found, string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 50 {
		t.Fatalf("Kubernetes' manifests are not where they were looked for: %d", len(found))
	}
	return found
}
