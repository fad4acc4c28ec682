package e2e

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestNothingStopsTheDecision writes what a user may write into a pod to make the webhook fail instead of deciding: an
// API server that fails open would then create the pod.
func TestNothingStopsTheDecision(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t), append(uncached, "--default-allow")...)
	// As the instructions of `imagereview init --default-allow` have it.
	g.start(t, "--max-body-bytes=20971520")
	// The API server takes requests of up to 3 MiB. Protobuf carries each character as it is; in the JSON of the
	// question Go's encoder makes six bytes of each of these.
	config := rest.CopyConfig(g.Config)
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	g.Client = client

	for i, row := range []struct{ name, image, annotation string }{
		{"long image", strings.Repeat("a", 1<<20), ""},
		{"long image that grows", strings.Repeat("<", 1<<20), ""},
		{"long image of control characters", strings.Repeat("\x01", 1<<20), ""},
		{"long annotation that grows", "nginx:1.17.1", strings.Repeat("&", 250<<10)},
		{"control characters", "nginx:1.17.1\x00", "\x00\x1f"},
		{"not ASCII", "nginx:\u00e9", "\U0010ffff\u2028\ufeff"},
	} {
		t.Run(row.name, func(t *testing.T) {
			hostile := pod(fmt.Sprintf("hostile-%d", i), "nginx", row.image)
			if row.annotation != "" {
				hostile.Annotations = map[string]string{"hostile.image-policy.k8s.io/a": row.annotation, "hostile.image-policy.k8s.io/A": ""}
			}
			wantDenied(t, g.create(hostile), `"nginx"`)
		})
	}
}
