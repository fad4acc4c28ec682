// Package pull lets containerd ask `imagereview verify-pull` before it pulls: containerd's own image verifier and its own
// pulling, linked in, from a registry on loopback.
package pull

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/metadata"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/local"
	containerdregistry "github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/imageverifier"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	localcontent "github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	bolt "go.etcd.io/bbolt"

	"github.com/imagereview/imagereview/e2e/webhook"
)

const policy = `apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: node}
rules:
  - {name: fixed-tag, tags: {deny: [latest]}}
  - {name: not-secret, repositories: {deny: ["**/secret/**"]}}
  - {name: only-in-shop, scope: {namespaces: {include: [shop]}}, repositories: {deny: ["**/shop-only"]}}
  - {name: manifests-only, facts: {tags: checkOnly, mediaTypes: {allow: ["application/vnd.docker.distribution.manifest.v2+json"]}}}
exemptions:
  - {name: elsewhere, reason: never on a node, namespaces: ["*"], rules: [fixed-tag]}
`

// verifier is containerd's verifier with a folder that has the program under the name by which it decides at once.
func verifier(t *testing.T) imageverifier.ImageVerifier {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "policy.yaml")
	if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
		t.Fatal(err)
	}
	// containerd gives a verifier its own environment, and no options.
	t.Setenv("IMAGEREVIEW_POLICY", file)
	programs := filepath.Join(folder, "bin")
	if err := os.Mkdir(programs, 0o700); err != nil {
		t.Fatal(err)
	}
	program, err := filepath.Abs(webhook.Binary(t, "imagereview"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(program, filepath.Join(programs, "imagereview-verify-pull")); err != nil {
		t.Fatal(err)
	}
	return bindir.NewImageVerifier(&bindir.Config{BinDir: programs, MaxVerifiers: 10, PerVerifierTimeout: 60_000_000_000})
}

// TestContainerdPullsWhatThePolicyAllows pulls images with containerd. What the policy denies is not there afterwards.
func TestContainerdPullsWhatThePolicyAllows(t *testing.T) {
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	verifier := verifier(t)

	content, err := localcontent.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	file, err := bolt.Open(filepath.Join(t.TempDir(), "meta.db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	store := metadata.NewDB(file, content, nil)
	if err := store.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	images := metadata.NewImageStore(store)
	service := local.NewTransferService(store.ContentStore(), images, local.TransferConfig{
		Verifiers: map[string]imageverifier.ImageVerifier{"bindir": verifier},
	})
	ctx := namespaces.WithNamespace(t.Context(), "k8s.io")

	for _, row := range []struct{ image, reason string }{
		{"team/app:1.2.3", ""},
		{"team/app:latest", `breaks rule "fixed-tag"`},
		{"team/secret/app:1.2.3", `breaks rule "not-secret"`},
		{"team/shop-only:1.2.3", `breaks rule "only-in-shop"`}, // no namespace is told, so every rule with one applies
	} {
		reference := host + "/" + row.image
		push(t, reference)
		err := pull(ctx, service, reference)
		_, stored := images.Get(ctx, reference)
		if row.reason == "" {
			if err != nil || stored != nil {
				t.Errorf("%s should be pulled: %v, %v", row.image, err, stored)
			}
		} else if err == nil || !strings.Contains(err.Error(), row.reason) || stored == nil {
			t.Errorf("%s should be blocked with %q, and not be stored: %v, %v", row.image, row.reason, err, stored)
		}
	}
}

func push(t *testing.T, reference string) {
	t.Helper()
	parsed, err := name.ParseReference(reference, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	made, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(parsed, made); err != nil {
		t.Fatal(err)
	}
}

func pull(ctx context.Context, service transfer.Transferrer, reference string) error {
	source, err := containerdregistry.NewOCIRegistry(ctx, reference, containerdregistry.WithDefaultScheme("http"))
	if err != nil {
		return err
	}
	return service.Transfer(ctx, source, image.NewStore(reference))
}

// TestVerifierIsCalledAsContainerdDoes gives containerd's verifier what no registry would answer.
func TestVerifierIsCalledAsContainerdDoes(t *testing.T) {
	verifier := verifier(t)
	const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	const manifest = "application/vnd.docker.distribution.manifest.v2+json"
	for _, row := range []struct {
		image, mediaType, reason string
		ok                       bool
	}{
		{"docker.io/library/nginx:1.27", manifest, "image check passed", true},
		{"docker.io/library/nginx:1.27", ocispec.MediaTypeImageIndex, `breaks rule "manifests-only"`, false},
		{"docker.io/library/nginx@" + digest, manifest, "image check passed", true},
		{"docker.io/library/nginx@sha256:" + strings.Repeat("f", 64), manifest, "another digest", false},
		{"Foo/bar:1", manifest, "unreadable-reference", false},
	} {
		judgement, err := verifier.VerifyImage(t.Context(), row.image, ocispec.Descriptor{MediaType: row.mediaType, Digest: digest, Size: 7})
		if err != nil {
			t.Errorf("%s: %v", row.image, err)
		} else if judgement.OK != row.ok || !strings.Contains(judgement.Reason, row.reason) {
			t.Errorf("%s: should be %v with %q: %+v", row.image, row.ok, row.reason, judgement)
		}
	}
}
