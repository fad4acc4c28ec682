package e2e

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/imagereview/imagereview/e2e/webhook"
)

var podsOfWorkload = flag.Int("pods-of-workload", 4, "how many pods TestScaling makes of each workload")

const (
	// remembered is how many verdicts an API server holds at most.
	remembered = 1024
	// clients is how many pods are created at the same time.
	clients = 8
)

// TestScaling holds the model of docs/scaling.md against API servers: how many pods they create, and how many of those
// they ask the webhook about.
func TestScaling(t *testing.T) {
	t.Parallel()
	const workloads, many = 10, remembered + 100
	for _, row := range []struct {
		name       string
		apiServers int
		workloads  int
		ttl        []string
		asked      int // by all API servers
	}{
		{"each workload once, while it is remembered", 1, workloads, []string{"--allow-ttl=1800"}, workloads},
		{"each API server for itself", 2, workloads, []string{"--allow-ttl=1800"}, 2 * workloads},
		{"each pod, if nothing is remembered", 1, workloads, uncached, *podsOfWorkload * workloads},
		{"each pod, if workloads take turns that are more than are remembered", 1, many, []string{"--allow-ttl=1800"}, *podsOfWorkload * many},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := guard(t, webhook.Port(t), row.ttl...)
			running := g.start(t)
			apiServers := []*rest.Config{g.Config}
			for len(apiServers) < row.apiServers {
				apiServers = append(apiServers, g.another(t).Config)
			}
			for i, config := range apiServers {
				config := rest.CopyConfig(config)
				config.QPS = -1 // no limit: the API server's own speed is to be seen
				client := kubernetes.NewForConfigOrDie(config)
				start := time.Now()
				// One pod of each workload at a time, so that none is asked about while another like it is.
				for number := range *podsOfWorkload {
					createOneOfEach(t, client, row.workloads, number)
				}
				pods := *podsOfWorkload * row.workloads
				t.Logf("API server %d: %d pods, %.0f a second", i, pods, float64(pods)/time.Since(start).Seconds())
			}
			if asked := running.Reviews(t); asked != row.asked {
				t.Errorf("the webhook was asked %d times; should be %d", asked, row.asked)
			}
		})
	}
}

// createOneOfEach creates one pod of each workload, some at a time. They are not stored: a dry run asks all the same.
func createOneOfEach(t *testing.T, client kubernetes.Interface, workloads, number int) {
	t.Helper()
	var waiting sync.WaitGroup
	next := make(chan int)
	for range clients {
		waiting.Go(func() {
			for workload := range next {
				pod := pod(fmt.Sprintf("w%d-%d", workload, number), fmt.Sprintf("registry.example.com/team/w%d:1.0", workload))
				_, err := client.CoreV1().Pods("default").Create(context.Background(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
				wantAllowed(t, err)
			}
		})
	}
	for workload := range workloads {
		next <- workload
	}
	close(next)
	waiting.Wait()
}
