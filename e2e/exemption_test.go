package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestBreakGlass gets past the policy examples/policies/break-glass.yaml by an annotation, and finds that in the audit
// log.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t))
	g.start(t, "--policy", "../examples/policies/break-glass.yaml")
	for _, namespace := range []string{"ingress", "shop"} {
		_, err := g.Client.CoreV1().Namespaces().Create(context.Background(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}

	for i, row := range []struct {
		namespace  string
		key, value string
		allowed    bool
	}{
		{"ingress", "", "", false},
		{"ingress", "example.image-policy.k8s.io/break-glass", "INC-1234", true},
		{"ingress", "example.image-policy.k8s.io/break-glass", "yes", false},
		{"shop", "example.image-policy.k8s.io/break-glass", "INC-1234", false},
		// The API server forwards only keys that hold ".image-policy.k8s.io/".
		{"ingress", "example.com/break-glass", "INC-1234", false},
		{"ingress", "break-glass", "INC-1234", false},
		{"ingress", "other.image-policy.k8s.io/break-glass", "INC-1234", false},
	} {
		t.Run(fmt.Sprintf("%s %s=%s", row.namespace, row.key, row.value), func(t *testing.T) {
			name := fmt.Sprintf("web-%d", i)
			urgent := pod(name, "nginx")
			urgent.Namespace = row.namespace
			if row.key != "" {
				urgent.Annotations = map[string]string{row.key: row.value}
			}
			err := g.create(urgent)
			annotations := g.AuditEvent(t, "create", name).Annotations
			exemptedBy := annotations["imagepolicywebhook.image-policy.k8s.io/exempted-by"]
			deniedBy := annotations["imagepolicywebhook.image-policy.k8s.io/denied-by"]
			if !row.allowed {
				wantDenied(t, err, "no-moving-tags", "own-registry")
				if deniedBy != "no-moving-tags,own-registry" || exemptedBy != "" {
					t.Errorf("the audit log should say which rules denied it: %q", annotations)
				}
				return
			}
			wantAllowed(t, err)
			if deniedBy != "" || !strings.Contains(exemptedBy, "incident") {
				t.Errorf("the audit log should say which exemption was used: %q", annotations)
			}
			t.Logf("exempted-by: %s", exemptedBy)
		})
	}
}
