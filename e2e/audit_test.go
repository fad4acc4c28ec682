package e2e

import (
	"testing"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestAuditLog shows where an auditor finds which rules denied a pod.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t))
	g.start(t)
	for _, row := range []struct {
		name, image string
		deniedBy    string // empty for no annotation
	}{
		{"bad", "nginx", "no-latest-tag"},
		{"good", "nginx:1.17.1", ""},
	} {
		err := g.create(pod(row.name, row.image))
		if row.deniedBy == "" {
			wantAllowed(t, err)
		} else {
			wantDenied(t, err)
		}
		annotations := g.AuditEvent(t, "create", row.name).Annotations
		if got := annotations["imagepolicywebhook.image-policy.k8s.io/denied-by"]; got != row.deniedBy {
			t.Errorf("%s: the audit log says that it was denied by %q, not %q; all annotations: %q", row.image, got, row.deniedBy, annotations)
		}
	}
}
