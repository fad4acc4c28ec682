package e2e

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestDownFailsClosed takes the webhook away from an API server that `imagereview init` set up without options.
func TestDownFailsClosed(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t), uncached...)

	wantUnanswered(t, g.create(pod("web", "nginx:1.17.1")))

	running := g.start(t)
	wantAllowed(t, g.create(pod("web", "nginx:1.17.1")))
	running.Kill()
	wantUnanswered(t, g.create(pod("web-2", "nginx:1.17.1")))

	g.start(t)
	wantAllowed(t, g.create(pod("web-2", "nginx:1.17.1")))
	wantDenied(t, g.create(pod("web-3", "nginx")))
}

// failedOpen is the audit annotation of a pod that was created because the webhook gave no answer.
const failedOpen = "imagepolicywebhook.image-policy.k8s.io/failed-open"

// TestDownFailsOpen does the same to one that was set up with --default-allow.
func TestDownFailsOpen(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t), append(uncached, "--default-allow")...)
	ctx := context.Background()
	pods := g.Client.CoreV1().Pods("default")

	// Nobody answers, and the pod is created. The audit log says so; the pod doesn't: the plugin annotates it with
	// alpha.image-policy.k8s.io/failed-open, but it validates a copy.
	wantAllowed(t, g.create(pod("web", "nginx")))
	if event := g.AuditEvent(t, "create", "web"); event.Annotations[failedOpen] != "true" {
		t.Errorf("the audit log should hold %s: %q", failedOpen, event.Annotations)
	}
	stored, err := pods.Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(stored.Annotations) != 0 {
		t.Errorf("the pod was annotated: %q", stored.Annotations)
	}

	// Somebody answers again: the same image is denied, for new pods and for this one.
	g.start(t)
	wantDenied(t, g.create(pod("web-2", "nginx")))
	// The question doesn't say what changed, so this pod can't be labelled either.
	_, err = pods.Patch(ctx, "web", types.MergePatchType, []byte(`{"metadata":{"labels":{"a":"b"}}}`), metav1.PatchOptions{})
	wantDenied(t, err, `"nginx"`)
	// The kubelet's reports of its status aren't reviewed, and it can go.
	_, err = pods.Patch(ctx, "web", types.MergePatchType, []byte(`{"status":{"phase":"Running"}}`), metav1.PatchOptions{}, "status")
	wantAllowed(t, err)
	wantAllowed(t, pods.Delete(ctx, "web", metav1.DeleteOptions{}))
}

// wantUnanswered fails the test unless the error is what a user sees when the webhook gave no answer, or ended in the
// middle of one.
func wantUnanswered(t testing.TB, err error) {
	t.Helper()
	unanswered := strings.Contains(err.Error(), "/image_policy") || strings.Contains(err.Error(), "error when reading response body")
	if !apierrors.IsForbidden(err) || strings.Contains(err.Error(), denied) || !unanswered {
		t.Errorf("should be forbidden because the webhook doesn't answer: %v", err)
	}
}

// TestSlow holds the questions of many clients on their way to the webhook, and then lets all go at once.
func TestSlow(t *testing.T) {
	t.Parallel()
	replica := webhook.Port(t)
	balancer := webhook.Balance(t, replica)
	g := guard(t, balancer.Address, uncached...)
	webhook.Start(t, replica, g.files)

	held := balancer.Hold()
	var clients sync.WaitGroup
	for i := range 64 {
		clients.Go(func() {
			wantAllowed(t, g.create(pod(fmt.Sprintf("good-%d", i), "nginx:1.17.1")))
			wantDenied(t, g.create(pod(fmt.Sprintf("bad-%d", i), "nginx")))
		})
	}
	<-held
	balancer.Resume()
	clients.Wait()
}

// TestRestartsUnderLoad restarts the replicas of a webhook, one after the other, while clients create pods.
func TestRestartsUnderLoad(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		end  func(*webhook.Webhook)
		// Whether each good pod must be created. A replica that crashes takes the questions that it was answering
		// with it; the API server fails closed then.
		all bool
	}{
		{"rolling restart", (*webhook.Webhook).Stop, true},
		{"crashes", (*webhook.Webhook).Kill, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			addresses := []string{webhook.Port(t), webhook.Port(t)}
			balancer := webhook.Balance(t, addresses...)
			g := guard(t, balancer.Address, uncached...)
			replicas := []*webhook.Webhook{
				webhook.Start(t, addresses[0], g.files),
				webhook.Start(t, addresses[1], g.files),
			}

			var allowed, unanswered atomic.Int64
			asked, done := make(chan struct{}), make(chan struct{})
			var clients sync.WaitGroup
			for client := range 8 {
				clients.Go(func() {
					dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
					pods := g.Client.CoreV1().Pods("default")
					for i := 0; ; i++ {
						name := fmt.Sprintf("pod-%d-%d", client, i)
						_, err := pods.Create(context.Background(), pod(name, "nginx:1.17.1"), dry)
						if row.all || err == nil {
							wantAllowed(t, err)
							allowed.Add(1)
						} else {
							wantUnanswered(t, err)
							unanswered.Add(1)
						}
						_, err = pods.Create(context.Background(), pod(name, "nginx"), dry)
						if row.all || err == nil || strings.Contains(err.Error(), denied) {
							wantDenied(t, err)
						} else {
							wantUnanswered(t, err)
						}
						select {
						case asked <- struct{}{}:
						case <-done:
							return
						}
					}
				})
			}

			for range 5 {
				for i := range replicas {
					// Only under load does the end of a replica prove anything.
					for range 100 {
						<-asked
					}
					row.end(replicas[i])
					replicas[i] = webhook.Start(t, addresses[i], g.files)
				}
			}
			close(done)
			clients.Wait()
			t.Logf("%d pods allowed, %d unanswered, connections to each replica: %d", allowed.Load(), unanswered.Load(), balancer.Connections())
			for i, connections := range balancer.Connections() {
				if connections == 0 {
					t.Errorf("replica %d was never asked", i)
				}
			}
		})
	}
}

// TestOverloaded keeps the webhook from finishing what it answers, by an audit log that nobody reads, until it refuses
// further questions. The API server asks those again, so once the log is read nothing is lost and nothing was decided
// wrongly.
func TestOverloaded(t *testing.T) {
	t.Parallel()
	auditLog := filepath.Join(t.TempDir(), "audit")
	if err := syscall.Mkfifo(auditLog, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(auditLog, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	g := guard(t, webhook.Port(t), uncached...)
	overloaded := g.start(t, "--max-requests=4", "--audit-log", auditLog, "--audit-queue=1", "--audit-when-full=block", "--log-level=debug")

	// More than the pipe holds, four times over: each record names its image.
	good := "nginx:" + strings.Repeat("1", 100)
	dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
	pods := g.Client.CoreV1().Pods("default")
	var clients sync.WaitGroup
	for client := range 16 {
		clients.Go(func() {
			for i := range 40 {
				name := fmt.Sprintf("pod-%d-%d", client, i)
				_, err := pods.Create(context.Background(), pod(name, good), dry)
				wantAllowed(t, err)
				_, err = pods.Create(context.Background(), pod(name, "nginx"), dry)
				wantDenied(t, err, `"nginx"`)
			}
		})
	}
	overloaded.AwaitLog(t, "too many requests are in flight")
	go io.Copy(io.Discard, pipe)
	clients.Wait()
	pipe.Close()
}
