package readers

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// An Image is one that a reader sees: the object it is in, where in that, and what is written there.
type Image struct {
	Object   string
	Location string
	Image    string
}

// A Reading is what a reader made of one text.
type Reading struct {
	Images []Image
	// Refusals are what it would not read, in its own words.
	Refusals []string
	// Dropped counts what was read and makes no object: of a kind that nobody knows, or with a field that is wrong.
	Dropped int
}

// result is the part of `--format json` that these tests look at.
type result struct {
	Documents []struct {
		File   string
		Object string
		Images []struct {
			Image      string
			Path       string
			Violations []struct{ Rule, Reason string }
		}
	}
	Diagnostics []struct {
		File    string
		Message string
		Error   bool
	}
}

// item is the beginning of a location in a list of objects. kubectl takes lists apart before anybody sees them.
var item = regexp.MustCompile(`^items\[\d+\]\.`)

// imagereview reads texts with the program under test: all of them in one run, each as a file of its own.
func imagereview(folder string, texts [][]byte, name func(int) string, arguments ...string) ([]Reading, error) {
	index := map[string]int{}
	for i, text := range texts {
		path := filepath.Join(folder, name(i))
		index[path] = i
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, err
		}
	}
	program, err := filepath.Abs(filepath.Join(os.Getenv("IMAGEREVIEW_BIN"), "imagereview"))
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, append([]string{"review", "--format", "json", folder}, arguments...)...)
	output, err := command.Output()
	var exit *exec.ExitError
	// 1 and 2 tell that something was denied or not read.
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() <= 2) {
		return nil, fmt.Errorf("%s: %w: %s", command, err, exit.Stderr)
	}
	var all result
	if err := json.Unmarshal(output, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	readings := make([]Reading, len(texts))
	for _, document := range all.Documents {
		reading := &readings[index[document.File]]
		for _, image := range document.Images {
			if len(image.Violations) == 1 && image.Violations[0].Rule == "unreadable-object" {
				reading.Refusals = append(reading.Refusals, "denied: "+image.Violations[0].Reason)
				reading.Dropped++
				continue
			}
			reading.Images = append(reading.Images, Image{document.Object, item.ReplaceAllString(image.Path, ""), image.Image})
		}
	}
	for _, diagnostic := range all.Diagnostics {
		// A template in a folder is no error, and must not be what another reads.
		if diagnostic.Error || strings.HasPrefix(diagnostic.Message, "this is a template") {
			reading := &readings[index[diagnostic.File]]
			reading.Refusals = append(reading.Refusals, diagnostic.Message)
		}
	}
	return readings, nil
}

// numbered are names of files that sort as their numbers do, a thousand to a folder.
func numbered(ending string) func(int) string {
	return func(i int) string {
		return filepath.Join(strconv.Itoa(i/1000), fmt.Sprintf("%06d%s", i, ending))
	}
}
