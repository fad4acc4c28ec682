package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestSignedPods follows the tutorial of docs/signatures.md as it stands there, from making a key to pods that are refused.
func TestSignedPods(t *testing.T) {
	t.Parallel()
	listening, host := serveRegistry(t, func(registry http.Handler) http.Handler { return registry })
	images := map[string]string{}
	for _, name := range []string{"app", "unsigned", "listed", "foreign", "later"} {
		images[name] = host + "/shop/" + name + ":1.4"
	}
	digests := map[string]string{}
	for name, image := range images {
		digests[name] = push(t, image, "1000", authn.Anonymous)
	}
	byDigest := func(name string) string { return host + "/shop/" + name + "@" + digests[name] }

	read := readTutorial(t, "signatures.md", "From a key to a refused pod", strings.NewReplacer(
		"registry.example.com", host,
		"sha256:df5d9bd2d206a6f546c4f49b7f07bc6c4b3e6ed96e5d994e6014a97a5643a6cd", digests["app"],
	))
	here := newFolder(t)
	here.follow(t, read)

	// What nobody signed, what somebody else signed, and what has a bill of materials and no signature.
	here.write(t, "sbom.json", `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","packages":[{"name":"zlib"}]}`)
	here.must(t, "cosign attest --type spdxjson --predicate sbom.json --key cosign.key --tlog-upload=false --use-signing-config=false --yes "+byDigest("listed"))
	here.must(t, "cosign generate-key-pair --output-key-prefix other")
	here.must(t, "cosign sign --key other.key --tlog-upload=false --use-signing-config=false --yes "+byDigest("foreign"))
	here.must(t, "cosign sign --key cosign.key --tlog-upload=false --use-signing-config=false --yes "+byDigest("later"))
	verdicts := []struct {
		image, reason string
		status        int
	}{
		{"app", "signed by the key sha256:", 0},
		{"unsigned", "no signature was found", 1},
		{"listed", "it is an attestation (https://spdx.dev/Document), not a signature", 1},
		{"foreign", "it is not signed with the key sha256:", 1},
	}

	registries := registriesFile(t, host)
	address := webhook.Port(t)
	files := webhook.Init(t, address, "--validating", "--mutating")
	webhook.StartForAnyone(t, address, files, "--policy", here.file("signed.yaml"), "--facts=auto", "--registries", registries)
	g := &guarded{APIServer: cluster.Start(t, cluster.Etcd(t), ""), address: address, files: files}
	kubectl := g.kubectl(t)
	registersWith(t, kubectl, files, images["unsigned"])("mutating_webhook.yaml")
	run := func(name, image string) (string, string) {
		output, problems, _ := kubectl("run", name, "--image="+image, "--output=jsonpath={.spec.containers[0].image}")
		return output, problems
	}

	for _, row := range verdicts {
		output, problems := run(row.image, images[row.image])
		if row.status == 0 {
			if output != images[row.image]+"@"+digests[row.image] {
				t.Errorf("%s is stored as %q: %s", row.image, output, problems)
			}
		} else if output != "" || !strings.Contains(problems, `breaks rule "signed-by-release": it is not signed: key cosign.pub: `) || !strings.Contains(problems, row.reason) {
			t.Errorf("%s is stored as %q: %s", row.image, output, problems)
		}
		// By digest as well, where nothing has to be pinned.
		output, problems = run(row.image+"-by-digest", byDigest(row.image))
		if (output == byDigest(row.image)) != (row.status == 0) {
			t.Errorf("%s by digest is stored as %q: %s", row.image, output, problems)
		}
	}
	// What the pods of a Deployment pull is pinned, not what it says.
	if output, problems, _ := kubectl("create", "deployment", "app", "--image="+images["app"], "--output=jsonpath={.spec.template.spec.containers[0].image}"); output != images["app"] {
		t.Errorf("the image of a Deployment is stored as %q: %s", output, problems)
	}
	if output, problems, _ := kubectl("create", "deployment", "unsigned", "--image="+images["unsigned"], "--output=name"); output != "" || !strings.Contains(problems, "no signature was found") {
		t.Errorf("a Deployment whose image nobody signed is stored as %q: %s", output, problems)
	}
	refusal := strings.TrimSpace(read.text)
	if _, problems := run("refused", images["unsigned"]); refusal == "" || !strings.Contains(problems, refusal) {
		t.Errorf("the page says %q: %s", refusal, problems)
	}

	for _, row := range verdicts {
		online := fmt.Sprintf("imagereview verify --key cosign.pub --save-facts %s.json %s", row.image, images[row.image])
		if output, status := here.run(t, online); status != row.status || !strings.Contains(output, row.reason) {
			t.Errorf("%s: status %d: %s", online, status, output)
		}
	}

	listening.Close()
	// A registry that is away: what nobody knows is denied, though it is signed.
	if output, problems := run("later", images["later"]); output != "" || !strings.Contains(problems, `breaks rule "signed-by-release"`) {
		t.Errorf("a signed image of a registry that is away is stored as %q: %s", output, problems)
	}
	if output, problems := run("later-by-digest", byDigest("later")); output != "" || !strings.Contains(problems, `breaks rule "signed-by-release"`) {
		t.Errorf("a signed image of a registry that is away is stored as %q: %s", output, problems)
	}
	// What is known already is still known.
	if output, problems := run("again", byDigest("app")); output != byDigest("app") {
		t.Errorf("an image that is known is stored as %q: %s", output, problems)
	}
	if output, status := here.run(t, "imagereview verify --key cosign.pub "+images["app"]); status != 2 || !strings.Contains(output, "not known") {
		t.Errorf("a registry that is away: status %d: %s", status, output)
	}
	for _, row := range verdicts {
		for _, by := range []string{"--key cosign.pub " + images[row.image], "--policy signed.yaml " + byDigest(row.image)} {
			offline := fmt.Sprintf("imagereview verify --facts %s.json %s", row.image, by)
			if output, status := here.run(t, offline); status != row.status || !strings.Contains(output, row.reason) {
				t.Errorf("%s: status %d: %s", offline, status, output)
			}
		}
	}
	for _, offline := range []string{
		"imagereview explain --policy signed.yaml --facts facts.json " + byDigest("app"),
		"imagereview verify --policy signed.yaml --facts facts.json " + byDigest("app"),
	} {
		here.must(t, offline)
	}
}
