// Command noderef tells how a node reads image references.
//
// It reads one JSON string per line and writes, for each, one line:
//
//	{"input": "nginx", "node": {"domain": "docker.io", "path": "library/nginx", "tag": null, "digest": null}, "resolved": "docker.io/library/nginx:latest"}
//	{"input": "nginx:", "node": null, "error": "invalid reference format"}
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/imagereview/imagereview/e2e/node"
)

type line struct {
	Input    string          `json:"input"`
	Node     *node.Reference `json:"node"`
	Resolved string          `json:"resolved,omitempty"`
	Error    string          `json:"error,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "noderef:", err)
		os.Exit(1)
	}
}

func run() error {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for number := 1; in.Scan(); number++ {
		var answer line
		if err := json.Unmarshal(in.Bytes(), &answer.Input); err != nil {
			return fmt.Errorf("line %d of the input is not a JSON string: %w", number, err)
		}
		read, err := node.Read(answer.Input)
		if err != nil {
			answer.Error = err.Error()
		} else {
			answer.Node = read
			// A reference that the kubelet reads and containerd refuses is reported with both.
			if answer.Resolved, err = node.Resolve(answer.Input); err != nil {
				answer.Error = err.Error()
			}
		}
		if err := encoder.Encode(answer); err != nil {
			return err
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	return out.Flush()
}
