package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"io"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/imagereview/imagereview/e2e/node"
	"github.com/imagereview/imagereview/e2e/references"
	"github.com/imagereview/imagereview/e2e/webhook"
)

var (
	seed  = flag.Uint64("seed", 1, "where the random references begin")
	count = flag.Int("references", 200_000, "how many random references are read")
)

// exceptions are the references that a node accepts and imagereview refuses on purpose, by the kind of its error: other
// readers see something else in them, or what they name can't be known. The documentation of imagereview-core has the
// same table.
var exceptions = map[string]func(image string, read *node.Reference) bool{
	"UppercaseHost": func(_ string, read *node.Reference) bool {
		return read.Domain != strings.ToLower(read.Domain) && !strings.ContainsAny(read.Domain, ".:")
	},
	"UnderscoreInHost": func(_ string, read *node.Reference) bool {
		return read.Domain == ""
	},
	"HostTooLong": func(_ string, read *node.Reference) bool {
		return len(read.Domain) > 255
	},
	"InvalidIpv6Host": func(_ string, read *node.Reference) bool {
		host, _, bracketed := strings.Cut(strings.TrimPrefix(read.Domain, "["), "]")
		_, err := netip.ParseAddr(host)
		return bracketed && err != nil
	},
	"ImageId": func(image string, _ *node.Reference) bool {
		return imageID.MatchString(image)
	},
}

// imageID is a name that containerd first looks for among the identifiers of the images that it holds.
var imageID = regexp.MustCompile(`^sha(256|384|512):[0-9A-Fa-f]+$`)

// exception tells whether a reference that a node accepts is one of the exceptions.
func exception(image string, read *node.Reference) bool {
	for _, matches := range exceptions {
		if matches(image, read) {
			return true
		}
	}
	return false
}

// mayRun tells whether the built-in policy should let an image run, judged by the node's reading of it.
func mayRun(image string) bool {
	read, err := node.Read(image)
	if err != nil || exception(image, read) {
		return false
	}
	return read.Digest != nil || read.Tag != nil && !strings.EqualFold(*read.Tag, "latest")
}

// TestReadingsAgree reads strings with the node's module and with imagereview-core, and compares part by part.
func TestReadingsAgree(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 0))
	corpus := references.Recorded(t, "..")
	images := slices.Clone(corpus)
	for range *count {
		images = append(images, references.Random(random, corpus))
	}

	refused := map[string]int{}
	agreed, failures := 0, 0
	for i, ours := range readOurs(t, images) {
		image := images[i]
		read, err := node.Read(image)
		var failure string
		switch {
		case read == nil && ours.Error == "":
			failure = "only imagereview accepts it"
		case read == nil:
			agreed++
		case ours.Error != "":
			refused[ours.Error]++
			if matches := exceptions[ours.Error]; matches == nil || !matches(image, read) {
				failure = "only the node accepts it"
			}
		case exception(image, read):
			failure = "imagereview should refuse it"
		case !reflect.DeepEqual(*read, ours.Reference):
			failure = "they read different parts"
		default:
			agreed++
		}
		if failure != "" {
			t.Errorf("%q: %s\n  the node: %s (%v)\n  imagereview: %s", image, failure, show(read), err, show(ours))
			if failures++; failures == 20 {
				t.Fatal("too many differences")
			}
		}
	}
	t.Logf("%d strings read alike; accepted by the node alone, by the kind of our error: %v", agreed, refused)
	for kind := range exceptions {
		if refused[kind] == 0 {
			t.Errorf("no string was refused with %s", kind)
		}
	}
}

// TestReferencesOverTheWire asks the API server to create a pod of each string in the data file, and compares what it
// does with what the node would do.
func TestReferencesOverTheWire(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t), uncached...)
	g.start(t)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	reviewed := 0
	for _, image := range references.Recorded(t, "..") {
		_, err := g.Client.CoreV1().Pods("default").Create(context.Background(), pod("web", image), dry)
		if apierrors.IsInvalid(err) {
			// The API server's own check: not empty, no white space at the ends. The webhook isn't asked.
			if strings.TrimSpace(image) == image && image != "" {
				t.Errorf("%q: %v", image, err)
			}
			continue
		}
		reviewed++
		if mayRun(image) {
			if err != nil {
				t.Errorf("%q should be allowed: %v", image, err)
			}
		} else if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), denied) {
			t.Errorf("%q should be denied: %v", image, err)
		}
	}
	if reviewed < 500 {
		t.Errorf("only %d strings reached the webhook", reviewed)
	}
}

// reading is how imagereview-core reads a reference: parts, or the kind of the error.
type reading struct {
	node.Reference
	Error string `json:"error"`
}

// readOurs reads the images with imagereview-core, by way of the program in the folder reference.
func readOurs(t *testing.T, images []string) []reading {
	t.Helper()
	command := exec.Command(webhook.Binary(t, "imagereview-reference"))
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		lines := bufio.NewWriter(input)
		encoder := json.NewEncoder(lines)
		var err error
		for _, image := range images {
			if err = encoder.Encode(image); err != nil {
				break
			}
		}
		if err == nil {
			err = lines.Flush()
		}
		input.Close()
		written <- err
	}()
	readings := make([]reading, 0, len(images))
	for decoder := json.NewDecoder(output); ; {
		var ours reading
		if err := decoder.Decode(&ours); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		readings = append(readings, ours)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatal(err)
	}
	if len(readings) != len(images) {
		t.Fatalf("%d images were read as %d references", len(images), len(readings))
	}
	return readings
}

func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
