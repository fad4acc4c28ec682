package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestDeploy gives what deploy/ ships to an API server that asks the webhook: it has to get past validation, past Pod
// Security at its strictest, and past the policy itself.
func TestDeploy(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t))
	g.start(t)
	kubectl := g.kubectl(t)
	for _, file := range []string{"kubernetes/namespace.yaml", "kubernetes/imagereview.yaml", "control-plane/imagereview.yaml"} {
		output, errors, err := kubectl("apply", "--validate=strict", "--filename", "../deploy/"+file)
		if err != nil || errors != "" {
			t.Errorf("%s: %v\n%s%s", file, err, output, errors)
		}
		for line := range strings.Lines(output) {
			if !strings.HasSuffix(line, " created\n") {
				t.Errorf("%s: %s", file, line)
			}
		}
	}

	// No controllers run here, so the Deployment's pods are made by hand.
	ctx := context.Background()
	deployment, err := g.Client.AppsV1().Deployments("imagereview").Get(ctx, "imagereview", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	template := deployment.Spec.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name = "imagereview"
	_, err = g.Client.CoreV1().Pods("imagereview").Create(ctx, pod, metav1.CreateOptions{})
	wantAllowed(t, err)
	pod.Name, pod.Spec.Containers[0].SecurityContext = "mistake", nil
	_, err = g.Client.CoreV1().Pods("imagereview").Create(ctx, pod, metav1.CreateOptions{})
	if err == nil || !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Errorf("Pod Security should look at the pods: %v", err)
	}
}
