package e2e

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	change "github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// factsPolicy pins what is not pinned, and wants to know as whom images run.
const factsPolicy = `apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: facts}
mutations:
  pinDigests: [{repositories: "**"}]
rules:
  - {name: pinned, digest: {}}
  - {name: not-root, facts: {nonRoot: true}}
`

// serveRegistry serves a registry on a loopback port, behind what a test makes of it.
func serveRegistry(t *testing.T, behind func(http.Handler) http.Handler) (listening *httptest.Server, host string) {
	t.Helper()
	listening = httptest.NewServer(behind(registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
	t.Cleanup(listening.Close)
	return listening, fmt.Sprintf("localhost:%d", listening.Listener.Addr().(*net.TCPAddr).Port)
}

// push pushes an image that runs as a user, and gives its digest.
func push(t *testing.T, image, user string, login authn.Authenticator) string {
	t.Helper()
	content, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if content, err = change.Config(content, v1.Config{User: user}); err != nil {
		t.Fatal(err)
	}
	reference, err := name.ParseReference(image)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, content, remote.WithAuth(login)); err != nil {
		t.Fatal(err)
	}
	digest, err := content.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.String()
}

// registriesFile is a registries file that lets the webhook ask this registry alone.
func registriesFile(t *testing.T, host string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "registries.yaml")
	text := fmt.Sprintf("apiVersion: imagereview/v1alpha1\nkind: Registries\nunlisted: refuse\nregistries:\n- {host: %q, allowAddresses: [loopback]}\n", host)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestFacts has the API server store pods with what a registry says of their images.
func TestFacts(t *testing.T) {
	t.Parallel()
	listening, host := serveRegistry(t, func(registry http.Handler) http.Handler { return registry })
	digests := map[string]string{}
	for tag, user := range map[string]string{"v1": "1000", "root": "", "later": "1000"} {
		digests[tag] = push(t, host+"/team/app:"+tag, user, authn.Anonymous)
	}
	registries := registriesFile(t, host)
	kubectl, register := webhooksWith(t, factsPolicy, "--facts=auto", "--registries", registries)
	register("mutating_webhook.yaml")

	run := func(tag string) (string, string) {
		output, problems, _ := kubectl("run", tag, "--image="+host+"/team/app:"+tag, "--output=jsonpath={.spec.containers[0].image}")
		return output, problems
	}
	if output, problems := run("v1"); output != host+"/team/app:v1@"+digests["v1"] {
		t.Errorf("the image is stored as %q: %s", output, problems)
	}
	if output, problems := run("root"); output != "" || !strings.Contains(problems, `breaks rule "not-root"`) {
		t.Errorf("an image that runs as root is stored as %q: %s", output, problems)
	}
	// A registry that is away: what nobody knows is denied, in the API server's time.
	listening.Close()
	started := time.Now()
	if output, problems := run("later"); output != "" || !strings.Contains(problems, "denied the request") {
		t.Errorf("an image of a registry that is away is stored as %q: %s", output, problems)
	}
	t.Logf("denied after %s", time.Since(started))
	// What is known already is still known.
	if output, problems, _ := kubectl("run", "again", "--image="+host+"/team/app:v1@"+digests["v1"], "--output=jsonpath={.spec.containers[0].image}"); output != host+"/team/app:v1@"+digests["v1"] {
		t.Errorf("an image that is known is stored as %q: %s", output, problems)
	}
}

// TestPinnedPods follows the tutorial of docs/facts.md as it stands there.
func TestPinnedPods(t *testing.T) {
	t.Parallel()
	_, host := serveRegistry(t, func(registry http.Handler) http.Handler { return registry })
	image := host + "/team/app:1.4"
	digest := push(t, image, "1000", authn.Anonymous)
	push(t, host+"/team/root:1.4", "", authn.Anonymous)
	read := readTutorial(t, "facts.md", "From nothing to a pinned pod", strings.NewReplacer(
		// Registries of this machine are asked by those who say so.
		"host: registry.example.com", fmt.Sprintf("{host: %q, allowAddresses: [loopback]}", host),
		"registry.example.com", host,
		"sha256:df5d9bd2d206a6f546c4f49b7f07bc6c4b3e6ed96e5d994e6014a97a5643a6cd", digest,
	))
	here := newFolder(t)
	here.follow(t, read)

	address := webhook.Port(t)
	files := webhook.Init(t, address, "--validating", "--mutating")
	webhook.StartForAnyone(t, address, files, "--policy", here.file("pinned.yaml"), "--facts=auto", "--registries", here.file("registries.yaml"))
	g := &guarded{APIServer: cluster.Start(t, cluster.Etcd(t), ""), address: address, files: files}
	kubectl := g.kubectl(t)
	registersWith(t, kubectl, files, host+"/team/root:1.4")("mutating_webhook.yaml")
	output, problems, _ := kubectl("run", "app", "--image="+image, "--output=jsonpath={.spec.containers[0].image}")
	if output == "" || !strings.HasSuffix(read.console, "\n"+output+"\n") {
		t.Errorf("the image is stored as %q: %s; the page says:\n%s", output, problems, read.console)
	}
	if output, problems, _ := kubectl("create", "deployment", "app", "--image="+image, "--output=jsonpath={.spec.template.spec.containers[0].image}"); output != image {
		t.Errorf("the image of a Deployment is stored as %q: %s", output, problems)
	}
	if output, problems, _ := kubectl("run", "none", "--image="+host+"/team/none:1", "--output=name"); output != "" || !strings.Contains(problems, `breaks rule "pinned"`) {
		t.Errorf("an image that is not there is stored as %q: %s", output, problems)
	}
}
