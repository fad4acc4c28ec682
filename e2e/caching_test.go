package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// A verdict's language shows whether the API server asked or remembered: the tests change the language of the webhook
// where its users would change the policy.
const (
	english = "image check failed: "
	chinese = "检查镜像失败!"
)

// TestVerdictsAreRemembered shows what a change of the webhook does to an API server that may remember for long.
func TestVerdictsAreRemembered(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t), "--allow-ttl=1800", "--deny-ttl=1800")
	running := g.start(t, "--language=en")
	wantDenied(t, g.create(pod("bad", "nginx")), english)
	wantAllowed(t, g.create(pod("good", "nginx:1.17.1")))

	// The same question gets the old answer, whatever the pod's name: it is not in the question.
	running.Stop()
	running = g.start(t, "--language=zh")
	wantDenied(t, g.create(pod("bad-2", "nginx")), english)

	// Another image, another order, a further annotation that is forwarded: another question.
	wantDenied(t, g.create(pod("bad-3", "httpd")), chinese)
	wantDenied(t, g.create(pod("bad-4", "nginx", "nginx:1.17.1")), chinese)
	annotated := pod("bad-5", "nginx")
	annotated.Annotations = map[string]string{"example.image-policy.k8s.io/ticket": "1"}
	wantDenied(t, g.create(annotated), chinese)
	// One that isn't forwarded changes nothing.
	annotated = pod("bad-6", "nginx")
	annotated.Annotations = map[string]string{"example.com/ticket": "1"}
	wantDenied(t, g.create(annotated), english)

	// What is remembered holds without the webhook.
	running.Kill()
	wantAllowed(t, g.create(pod("good-2", "nginx:1.17.1")))
	wantUnanswered(t, g.create(pod("good-3", "nginx:1.17.2")))
}

// TestVerdictsAreForgotten shows that an API server asks again when its time is over.
func TestVerdictsAreForgotten(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		ttl  []string
		once bool // whether the next question is asked, rather than one after the time
	}{
		{"after a second", []string{"--allow-ttl=1", "--deny-ttl=1"}, false},
		{"at once", uncached, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := guard(t, webhook.Port(t), row.ttl...)
			running := g.start(t, "--language=en")
			wantDenied(t, g.create(pod("bad", "nginx")), english)
			running.Stop()
			g.start(t, "--language=zh")
			if row.once {
				wantDenied(t, g.create(pod("bad", "nginx")), chinese)
				return
			}
			var err error
			waited := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
				err = g.create(pod("bad", "nginx"))
				return err == nil || strings.Contains(err.Error(), chinese), nil
			})
			if waited != nil || err == nil {
				t.Errorf("should be denied anew within a minute: %v", err)
			}
		})
	}
}

// TestPolicyReload changes the policy file of a running webhook. The API server keeps the approvals that it remembers.
func TestPolicyReload(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	write := func(registry string) {
		policy := fmt.Sprintf(`apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: test}
rules:
  - name: registries
    registries: {allow: [%s]}
`, registry)
		if err := os.WriteFile(file+".new", []byte(policy), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write("docker.io")
	g := guard(t, webhook.Port(t), "--allow-ttl=1800", "--deny-ttl=-1")
	g.start(t, "--policy", file)
	wantAllowed(t, g.create(pod("before", "nginx:1.17.1")))

	write("registry.example.com")
	var err error
	tries := 0
	wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		// Each time another question, since approvals are remembered.
		err = g.create(pod(fmt.Sprintf("during-%d", tries), fmt.Sprintf("nginx:1.18.%d", tries)))
		tries++
		return err != nil, nil
	})
	wantDenied(t, err, "registries")
	wantAllowed(t, g.create(pod("after", "nginx:1.17.1")))
	wantAllowed(t, g.create(pod("other", "registry.example.com/nginx:1.17.1")))
}
