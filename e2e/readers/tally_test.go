package readers

import (
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A tally counts how texts were read.
type tally struct {
	differences []difference
	alike       int
	refused     int
	only        map[string]int
	failures    int
}

// compare compares two readings of a text.
func (c *tally) compare(t *testing.T, text []byte, ours, theirs Reading, refusal error) {
	t.Helper()
	var failure string
	// No node runs an image whose name has braces in it.
	theirs.Images = slices.DeleteFunc(theirs.Images, func(image Image) bool {
		isTemplate := strings.Contains(image.Image, "{{")
		if isTemplate {
			theirs.Dropped++
		}
		return isTemplate
	})
	switch {
	case len(ours.Refusals) > 0 && refusal != nil:
		c.refused++
	case len(ours.Refusals) > 0:
		for _, message := range ours.Refusals {
			isOfObject := strings.HasPrefix(message, "denied: ") || strings.HasPrefix(message, "it is a template")
			if isOfObject && theirs.Dropped > 0 {
				continue
			}
			row := slices.IndexFunc(c.differences, func(d difference) bool { return d.matches(message) })
			if row < 0 {
				failure = "only imagereview refuses it"
				break
			}
			if c.only == nil {
				c.only = map[string]int{}
			}
			c.only[c.differences[row].Name]++
		}
	case refusal != nil && len(ours.Images) > len(theirs.Images) && theirs.Dropped == 0:
		failure = "imagereview reads what is refused"
	case refusal != nil:
		// Nothing more is read behind what is refused.
		c.refused++
	case theirs.Dropped > 0 && within(theirs.Images, ours.Images), reflect.DeepEqual(ours.Images, theirs.Images):
		c.alike++
	default:
		failure = "they read different images"
	}
	if failure == "" {
		return
	}
	t.Errorf("%s:\n%s\n%q\n  imagereview: %v %q\n  the other: %v (%v)", failure, text, text, ours.Images, ours.Refusals, theirs.Images, refusal)
	if c.failures++; c.failures == 20 {
		t.Fatal("too many differences")
	}
}

// within tells whether all of these are among those, in their order.
func within(these, those []Image) bool {
	for _, image := range these {
		at := slices.Index(those, image)
		if at < 0 {
			return false
		}
		those = those[at+1:]
	}
	return true
}

func (c *tally) log(t *testing.T) {
	t.Helper()
	t.Logf("%d read alike, %d refused by both; refused by imagereview alone: %v", c.alike, c.refused, c.only)
}
