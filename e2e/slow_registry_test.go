package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestSlowRegistry creates many pods at once while their registry says nothing, or is gone: each gets the verdict that the
// rule says within the API server's time, none is lost, and the webhook's memory stays bounded.
func TestSlowRegistry(t *testing.T) {
	t.Parallel()
	const pods = 100
	for _, row := range []struct {
		name, ifUnavailable string
		admitted            bool
	}{
		{"fail closed", "deny", false},
		{"fail open", "allow", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var silent atomic.Bool
			var asked atomic.Int64
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			listening, host := serveRegistry(t, func(registry http.Handler) http.Handler {
				return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
					if silent.Load() {
						asked.Add(1)
						select {
						case <-release:
						case <-request.Context().Done():
						}
						return
					}
					registry.ServeHTTP(response, request)
				})
			})
			// Two images for each pod, so that no answer of one helps another.
			push(t, host+"/team/app:v1", "1000", authn.Anonymous)
			silent.Store(true)
			policy := filepath.Join(t.TempDir(), "policy.yaml")
			text := fmt.Sprintf("apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: facts}\nrules:\n- {name: not-root, facts: {tags: checkOnly, nonRoot: true, ifUnavailable: %s}}\n", row.ifUnavailable)
			if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			address := webhook.Port(t)
			files := webhook.Init(t, address, "--validating")
			running := webhook.StartForAnyone(t, address, files, "--policy", policy, "--facts=auto", "--facts-timeout=2s", "--registries", registriesFile(t, host))
			g := &guarded{APIServer: cluster.Start(t, cluster.Etcd(t), ""), address: address, files: files}
			kubectl := g.kubectl(t)
			if output, problems, err := kubectl("apply", "-f", files.File("validating_webhook.yaml")); err != nil {
				t.Fatalf("%v\n%s%s", err, output, problems)
			}
			config := rest.CopyConfig(g.Config)
			// As many as can be, not as many as a controller is told to.
			config.QPS, config.Burst = -1, 0
			client, err := kubernetes.NewForConfig(config)
			if err != nil {
				t.Fatal(err)
			}
			g.Client = client
			// The API server calls a webhook a moment after it stored its registration.
			for asked.Load() == 0 {
				_ = g.create(pod(fmt.Sprintf("probe-%d", time.Now().UnixNano()), host+"/team/app:v1"))
			}
			before := running.Memory(t)
			reviews := running.Reviews(t)

			create := func(phase string) (slowest time.Duration) {
				t.Helper()
				var wait sync.WaitGroup
				var mutex sync.Mutex
				for number := range pods {
					wait.Go(func() {
						began := time.Now()
						err := g.create(pod(fmt.Sprintf("%s-%d", phase, number), fmt.Sprintf("%s/team/app:%s-%d", host, phase, number)))
						took := time.Since(began)
						mutex.Lock()
						defer mutex.Unlock()
						slowest = max(slowest, took)
						switch {
						case row.admitted && err != nil:
							t.Errorf("%s: a pod should be admitted: %v", phase, err)
						case !row.admitted && (!apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "not-root")):
							// A webhook that does not answer is an internal error, and none of our words.
							t.Errorf("%s: a pod should be denied by the rule: %v", phase, err)
						}
					})
				}
				wait.Wait()
				return slowest
			}
			t.Logf("slow: the slowest of %d pods took %s", pods, create("slow"))
			if grown := running.Memory(t) - before; grown > 64<<20 {
				t.Errorf("%d MiB more memory", grown>>20)
			}
			listening.Listener.Close()
			listening.CloseClientConnections()
			t.Logf("dead: the slowest of %d pods took %s", pods, create("dead"))
			if grown := running.Memory(t) - before; grown > 64<<20 {
				t.Errorf("%d MiB more memory", grown>>20)
			}
			if got := running.Reviews(t) - reviews; got != 2*pods {
				t.Errorf("%d reviews of %d pods", got, 2*pods)
			}
		})
	}
}
