package node

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

// Case is a line of the data file that the tests of imagereview-core share with these: a string, and how a node reads it.
type Case struct {
	Input string     `json:"input"`
	Node  *Reference `json:"node"` // nil where a node refuses it
}

// Cases reads the data file.
func Cases(path string) ([]Case, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var cases []Case
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var row Case
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, len(cases)+1, err)
		}
		cases = append(cases, row)
	}
	return cases, lines.Err()
}
