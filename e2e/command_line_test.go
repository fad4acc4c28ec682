package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/api/imagepolicy/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/imagereview/imagereview/e2e/references"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestCommandLineReadsGo gives the command line reviews as Go's encoder writes them, and compares its verdicts with the
// node's reading of the images.
func TestCommandLineReadsGo(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 0))
	corpus := references.Recorded(t, "..")
	var input bytes.Buffer
	var allowed []bool
	for range 500 {
		review := v1alpha1.ImageReview{
			TypeMeta: metav1.TypeMeta{APIVersion: "imagepolicy.k8s.io/v1alpha1", Kind: "ImageReview"},
			Spec: v1alpha1.ImageReviewSpec{
				Namespace:   references.Mutate(random, corpus, "default"),
				Annotations: map[string]string{},
			},
		}
		every := true
		for range random.IntN(5) {
			// Most should be allowed, or hardly a review of several would be.
			image := references.Pick(random, []string{"nginx:1.17.1", "registry.example.com:5000/team/app:1.2", "busybox:1.36"})
			if random.IntN(4) == 0 {
				image = references.Random(random, corpus)
			}
			every = every && mayRun(image)
			review.Spec.Containers = append(review.Spec.Containers, v1alpha1.ImageReviewContainerSpec{Image: image})
			review.Spec.Annotations[references.Mutate(random, corpus, "example.image-policy.k8s.io/key")] = references.Mutate(random, corpus, "value")
		}
		allowed = append(allowed, every)
		if err := json.NewEncoder(&input).Encode(review); err != nil {
			t.Fatal(err)
		}
	}

	output := reviewed(t, &input, "respond")
	responses := 0
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; responses++ {
		var response v1alpha1.ImageReview
		if err := decoder.Decode(&response); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if responses < len(allowed) && response.Status.Allowed != allowed[responses] {
			t.Errorf("review %d: allowed should be %v: %+v", responses, allowed[responses], response.Status)
		}
	}
	if responses != len(allowed) {
		t.Errorf("%d reviews got %d responses", len(allowed), responses)
	}
}

// TestCommandLineReadsPods gives the command line pods as client-go writes them, and compares its verdicts with the
// node's reading of the images.
func TestCommandLineReadsPods(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(*seed, 1))
	corpus := references.Recorded(t, "..")
	encoder := scheme.Codecs.LegacyCodec(corev1.SchemeGroupVersion)
	var input bytes.Buffer
	var allowed []bool
	for number := range 300 {
		pod := pod(fmt.Sprintf("pod-%d", number))
		every := true
		containers := func(kind string) (containers []corev1.Container) {
			for index := range random.IntN(3) {
				image := references.Pick(random, []string{"nginx:1.17.1", "registry.example.com:5000/team/app:1.2", "busybox:1.36"})
				if random.IntN(6) == 0 {
					image = references.Random(random, corpus)
				}
				every = every && mayRun(image)
				containers = append(containers, corev1.Container{Name: fmt.Sprintf("%s-%d", kind, index), Image: image})
			}
			return containers
		}
		pod.Spec.InitContainers = containers("init")
		pod.Spec.Containers = containers("app")
		for _, container := range containers("debug") {
			common := corev1.EphemeralContainerCommon{Name: container.Name, Image: container.Image}
			pod.Spec.EphemeralContainers = append(pod.Spec.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: common})
		}
		allowed = append(allowed, every)
		if err := encoder.Encode(pod, &input); err != nil {
			t.Fatal(err)
		}
	}

	output := reviewed(t, &input, "review", "--format", "ndjson")
	verdicts := map[string]bool{}
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var verdict struct {
			Object  string
			Allowed bool
		}
		if err := decoder.Decode(&verdict); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		verdicts[verdict.Object] = verdict.Allowed
	}
	for number, want := range allowed {
		if got, found := verdicts[fmt.Sprintf("Pod pod-%d", number)]; !found || got != want {
			t.Errorf("pod %d: allowed should be %v, is %v (found: %v)", number, want, got, found)
		}
	}
}

// reviewed gives what `imagereview` writes of this input with these arguments. Some of it must be denied.
func reviewed(t *testing.T, input io.Reader, arguments ...string) []byte {
	t.Helper()
	command := exec.Command(webhook.Binary(t, "imagereview"), append(arguments, "-")...)
	command.Stdin = input
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Fatalf("should end with status 1, since some are denied: %v\n%s", err, problems.Bytes())
	}
	return output
}
