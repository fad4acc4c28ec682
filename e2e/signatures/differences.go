package signatures

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

//go:embed differences.json
var differencesFile []byte

// question is what both programs are asked.
type question struct {
	// The kind of key that signed.
	Key string
	// The kind of key that is asked about.
	By string
	// How the image was signed.
	Way string
	// What is asked for: a signature or an attestation.
	Asked string
}

// difference says that both programs answer some questions differently, and why. What is empty fits every question.
type difference struct {
	question
	Cosign, Ours bool
	Reason       string

	found int
}

// differences are those that are known.
type differences struct {
	list  []*difference
	found int
}

func readDifferences(t *testing.T) *differences {
	t.Helper()
	var list []*difference
	if err := json.Unmarshal(differencesFile, &list); err != nil {
		t.Fatal(err)
	}
	return &differences{list: list}
}

// judge fails where the answers differ in a way that is not known.
func (d *differences) judge(asked question, theirs, ours bool) error {
	right := asked.Key == asked.By && (asked.Asked == "attestation") == strings.HasPrefix(asked.Way, "att")
	if theirs == ours {
		if ours && !right {
			return fmt.Errorf("both accept what is not there")
		}
		return nil
	}
	fits := func(pattern, value string) bool { return pattern == "" || pattern == value }
	for _, known := range d.list {
		isSigner := known.By == "" || (known.By == "the signer") == (asked.By == asked.Key)
		if known.Cosign == theirs && known.Ours == ours && isSigner &&
			fits(known.Key, asked.Key) && fits(known.Way, asked.Way) && fits(known.Asked, asked.Asked) {
			known.found++
			d.found++
			return nil
		}
	}
	return fmt.Errorf("cosign says %t, imagereview %t", theirs, ours)
}

// checkAllFound fails for a known difference that is none any more.
func (d *differences) checkAllFound(t *testing.T) {
	t.Helper()
	for _, known := range d.list {
		if known.found == 0 {
			t.Errorf("no question differs as this line of differences.json says: %s", known.Reason)
		}
	}
}
