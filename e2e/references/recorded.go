package references

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/imagereview/imagereview/e2e/node"
)

// Recorded is the inputs of the data file, and the images of the manifests that Kubernetes publishes with its own tests. The root is
// the repository's.
func Recorded(t testing.TB, root string) []string {
	t.Helper()
	cases, err := node.Cases(filepath.Join(root, "imagereview-core/tests/data/references.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var images []string
	for _, row := range cases {
		images = append(images, row.Input)
	}
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes").Output()
	if err != nil {
		t.Fatal(err)
	}
	published := 0
	err = filepath.WalkDir(filepath.Join(strings.TrimSpace(string(folder)), "test"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !slices.Contains([]string{".yaml", ".json", ".in"}, filepath.Ext(path)) {
			return err
		}
		manifest, err := os.ReadFile(path)
		for _, match := range imageField.FindAllSubmatch(manifest, -1) {
			published++
			if image := string(match[1]); !slices.Contains(images, image) {
				images = append(images, image)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if published == 0 {
		t.Fatal("Kubernetes' manifests hold no images where they were looked for")
	}
	return images
}

// imageField is a container's image in a manifest, YAML or JSON.
var imageField = regexp.MustCompile(`(?m)^[\s-]*"?image"?:[ \t]*["']?([^\s"',]+)`)
