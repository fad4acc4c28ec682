package readers

import (
	"encoding/json"
	"os"
	"regexp"
	"testing"
)

// A difference is a row of differences.json: a kind of text that imagereview refuses although the other reader takes it.
type difference struct {
	// Reader is what is compared: manifests, compose or dockerfiles.
	Reader string `json:"reader"`
	Name   string `json:"name"`
	// Message is a regular expression for what imagereview says of it.
	Message string `json:"message"`
	// Example is a text that is refused so, and that the other reader takes.
	Example string `json:"example"`
	pattern *regexp.Regexp
}

func (d difference) matches(message string) bool { return d.pattern.MatchString(message) }

// rows are the differences of one comparison.
func rows(t *testing.T, reader string) []difference {
	t.Helper()
	text, err := os.ReadFile("differences.json")
	if err != nil {
		t.Fatal(err)
	}
	var all, found []difference
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, row := range all {
		if row.Reader == reader {
			row.pattern = regexp.MustCompile(row.Message)
			found = append(found, row)
		}
	}
	return found
}
