// Package e2e proves imagereview against the real thing: kube-apiserver with etcd, and kubectl. See run.
package e2e

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// denied is how a denial by an ImagePolicyWebhook begins, in the message that the API server's user sees.
const denied = "image policy webhook backend denied one or more images: "

// guarded is an API server that asks a webhook, set up as the README says.
type guarded struct {
	*cluster.APIServer
	address string
	files   webhook.Files
}

// guard starts an API server that asks whatever will listen at the address. The options are those of
// `imagereview init`.
func guard(t testing.TB, address string, options ...string) *guarded {
	t.Helper()
	files := webhook.Init(t, address, options...)
	return &guarded{
		APIServer: cluster.Start(t, cluster.Etcd(t), files.AdmissionConfiguration()),
		address:   address,
		files:     files,
	}
}

// uncached are the options of `imagereview init` that make the API server ask each time.
var uncached = []string{"--allow-ttl=-1", "--deny-ttl=-1"}

// another starts another API server that asks the same webhook.
func (g *guarded) another(t testing.TB) *cluster.APIServer {
	t.Helper()
	return cluster.Start(t, cluster.Etcd(t), g.files.AdmissionConfiguration())
}

// start starts the webhook with further options of imagereview-http.
func (g *guarded) start(t testing.TB, options ...string) *webhook.Webhook {
	t.Helper()
	return webhook.Start(t, g.address, g.files, options...)
}

// create creates a pod, in the default namespace unless it says another.
func (g *guarded) create(pod *corev1.Pod) error {
	namespace := cmp.Or(pod.Namespace, "default")
	_, err := g.Client.CoreV1().Pods(namespace).Create(context.Background(), pod, metav1.CreateOptions{})
	return err
}

// pod is a pod with one container for each image.
func pod(name string, images ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}}
	pod.Spec.Containers = containers(images...)
	return pod
}

// containers are containers of these images, named c0, c1 and so on.
func containers(images ...string) []corev1.Container {
	var containers []corev1.Container
	for i, image := range images {
		containers = append(containers, corev1.Container{Name: fmt.Sprintf("c%d", i), Image: image})
	}
	return containers
}

// wantDenied fails the test unless the error is what a user sees of a denial whose reason holds all of these texts.
func wantDenied(t testing.TB, err error, texts ...string) {
	t.Helper()
	if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), denied) {
		t.Errorf("should be forbidden with %q: %v", denied, err)
		return
	}
	_, reason, _ := strings.Cut(err.Error(), denied)
	for _, text := range texts {
		if !strings.Contains(reason, text) {
			t.Errorf("the reason should hold %q: %q", text, reason)
		}
	}
}

// wantAllowed fails the test if there is an error.
func wantAllowed(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("should be allowed: %v", err)
	}
}
