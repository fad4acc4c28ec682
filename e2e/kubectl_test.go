package e2e

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestKubectl types what a user types, and compares what the user reads.
func TestKubectl(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t))
	g.start(t)
	kubectl := g.kubectl(t)
	const forbidden = `Error from server (Forbidden): `

	for _, row := range []struct {
		command string
		output  string   // all that is written, where the command succeeds
		errors  []string // parts of what is written, where it fails
	}{
		{
			command: "run web --image=nginx",
			errors:  []string{forbidden + `pods "web" is forbidden: ` + denied + "image check failed: ", `"nginx"`},
		},
		{
			command: "run web --image=nginx:1.17.1",
			output:  "pod/web created\n",
		},
		{
			command: "set image pod/web web=nginx:latest",
			errors:  []string{`pods "web" is forbidden: ` + denied, `"nginx:latest"`},
		},
		{
			command: "set image pod/web web=nginx:1.27",
			output:  "pod/web image updated\n",
		},
		{
			command: "debug web --image=busybox --container=shell",
			errors:  []string{`pods "web" is forbidden: ` + denied, `"busybox"`},
		},
		{
			command: "label pod web tier=front",
			output:  "pod/web labeled\n",
		},
		{
			command: "delete pod web --now",
			output:  "pod \"web\" deleted from default namespace\n",
		},
	} {
		output, errors, err := kubectl(strings.Fields(row.command)...)
		switch {
		case row.errors == nil && (err != nil || output != row.output):
			t.Errorf("kubectl %s: %v\n  should write %q\n  wrote %q\n  and %q", row.command, err, row.output, output, errors)
		case row.errors != nil && err == nil:
			t.Errorf("kubectl %s: should fail, wrote %q", row.command, output)
		}
		for _, want := range row.errors {
			if !strings.Contains(errors, want) {
				t.Errorf("kubectl %s: should say %q, said %q", row.command, want, errors)
			}
		}
	}
}

// kubectl gives a function that runs kubectl against the API server, and returns what it wrote to standard output and
// to standard error.
func (g *guarded) kubectl(t testing.TB) func(arguments ...string) (output, errors string, err error) {
	t.Helper()
	config := api.NewConfig()
	config.Clusters["test"] = &api.Cluster{
		Server:                   g.Config.Host,
		CertificateAuthorityData: g.Config.CAData,
		TLSServerName:            g.Config.ServerName,
	}
	config.AuthInfos["test"] = &api.AuthInfo{Token: g.Config.BearerToken}
	config.Contexts["test"] = &api.Context{Cluster: "test", AuthInfo: "test"}
	config.CurrentContext = "test"
	home := t.TempDir()
	kubeconfig := filepath.Join(home, "config")
	if err := clientcmd.WriteToFile(*config, kubeconfig); err != nil {
		t.Fatal(err)
	}
	return func(arguments ...string) (string, string, error) {
		command := exec.Command(webhook.Binary(t, "kubectl"), arguments...)
		command.Env = []string{"HOME=" + home, "KUBECONFIG=" + kubeconfig}
		var output, errors bytes.Buffer
		command.Stdout, command.Stderr = &output, &errors
		err := command.Run()
		return output.String(), errors.String(), err
	}
}
