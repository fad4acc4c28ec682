package e2e

import (
	"os"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestClientCertificate shows that the webhook answers only the API server that it was set up for: one with another
// authority's certificate, or with none, gets no decision and creates nothing, whatever the image.
func TestClientCertificate(t *testing.T) {
	t.Parallel()
	etcd := cluster.Etcd(t)
	address := webhook.Port(t)
	files := webhook.Init(t, address, uncached...)
	webhook.Start(t, address, files)

	// Both trust the webhook, so it is the webhook that refuses.
	stranger, anonymous := webhook.Init(t, address, uncached...), webhook.Init(t, address, uncached...)
	for _, theirs := range []webhook.Files{stranger, anonymous} {
		authority, err := os.ReadFile(files.File("ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(theirs.File("ca.crt"), authority, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kubeconfig, err := clientcmd.LoadFromFile(anonymous.File("connect_webhook.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for user := range kubeconfig.AuthInfos {
		kubeconfig.AuthInfos[user] = api.NewAuthInfo()
	}
	if err := clientcmd.WriteToFile(*kubeconfig, anonymous.File("connect_webhook.yaml")); err != nil {
		t.Fatal(err)
	}

	for _, row := range []struct {
		certificate string
		files       webhook.Files
		answered    bool
	}{
		{"its own", files, true},
		{"another authority's", stranger, false},
		{"none", anonymous, false},
	} {
		t.Run(row.certificate, func(t *testing.T) {
			server := &guarded{APIServer: cluster.Start(t, etcd, row.files.AdmissionConfiguration())}
			good, bad := server.create(pod("good", "nginx:1.17.1")), server.create(pod("bad", "nginx"))
			if row.answered {
				wantAllowed(t, good)
				wantDenied(t, bad)
				return
			}
			// The reason is in the webhook's log. The API server may see the TLS alert or only that the connection is gone.
			wantUnanswered(t, good)
			wantUnanswered(t, bad)
		})
	}
}

// TestServerCertificate shows that the API server asks only the webhook that its authority vouches for.
func TestServerCertificate(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t), uncached...)
	webhook.Start(t, g.address, webhook.Init(t, g.address))
	err := g.create(pod("web", "nginx:1.17.1"))
	wantUnanswered(t, err)
	if err != nil && !strings.Contains(err.Error(), "x509: certificate signed by unknown authority") {
		t.Errorf("should say why the webhook wasn't asked: %v", err)
	}
}
