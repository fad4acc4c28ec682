package signatures

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

var fixtures = flag.String("fixtures", "", "a file to write the evidence to, for the tests of imagereview-signature")

// predicateType is what the attestations of these tests are.
const predicateType = "https://spdx.dev/Document"

// way is one way in which an image is signed.
type way struct {
	name string
	// The arguments of the program before the key.
	arguments []string
	// Who signs.
	program cosign
}

// withoutServices are for a signature that no log knows of.
var withoutServices = []string{"--tlog-upload=false", "--yes"}

func ways(t *testing.T, three cosign) []way {
	t.Helper()
	predicate := filepath.Join(three.home, "predicate.json")
	text := `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","packages":[{"name":"zlib"}]}`
	if err := os.WriteFile(predicate, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	sign := []string{"sign", "-a", "env=prod"}
	attest := []string{"attest", "--type", "spdxjson", "--predicate", predicate}
	new := []string{"--use-signing-config=false"}
	old := []string{"--use-signing-config=false", "--new-bundle-format=false"}
	all := []way{
		{"bundle", slices.Concat(sign, new), three},
		{"sig", slices.Concat(sign, old), three},
		{"attestation bundle", slices.Concat(attest, new), three},
		{"att", slices.Concat(attest, old), three},
	}
	if os.Getenv("COSIGN_2") == "" {
		t.Log("COSIGN_2 is not set, so nothing is signed with cosign 2")
		return all
	}
	two := newCosign(t, "COSIGN_2")
	return append(all, way{"sig of cosign 2", sign, two}, way{"att of cosign 2", attest, two})
}

// TestCosignAgrees signs images with each kind of key, in each format and registry, and asks both programs whether the key
// has signed the image, whether another has, and whether it has attested to something.
func TestCosignAgrees(t *testing.T) {
	c := newCosign(t, "COSIGN_3")
	pairs := keys(t, c)
	differences := readDifferences(t)
	ways := ways(t, c)
	asked := 0
	var kept []fixture
	for registry, host := range registries(t) {
		for number, pair := range pairs {
			other := pairs[(number+1)%len(pairs)]
			for _, way := range ways {
				repository := strings.ToLower(strings.ReplaceAll(pair.name+"/"+way.name, " ", "-"))
				image := push(t, host+"/"+repository)
				way.program.must(t, slices.Concat(way.arguments, withoutServices, []string{"--key", pair.private, image.String()})...)
				found := evidenceOf(t, image)
				if len(found) != 1 {
					t.Fatalf("%s, %s, %s: %d layers beside the image", registry, pair.name, way.name, len(found))
				}
				if registry == "no API" {
					public, err := os.ReadFile(pair.public)
					if err != nil {
						t.Fatal(err)
					}
					kept = append(kept, fixture{pair.name, way.name, string(public), image.DigestStr(), found})
				}
				for _, by := range []key{pair, other} {
					for _, wanted := range []string{"signature", "attestation"} {
						question := question{Key: pair.name, By: by.name, Way: way.name, Asked: wanted}
						asked++
						theirs, output := cosignSays(t, c, question, by.public, image)
						ours, outcome := oursSays(t, question, by.public, image.DigestStr(), found)
						// The command finds the evidence itself.
						if command, printed := commandSays(t, question, by.public, image); command != ours {
							t.Errorf("%s: %+v: the verifier says %t, the command %t: %s", registry, question, ours, command, printed)
						}
						if err := differences.judge(question, theirs, ours); err != nil {
							t.Errorf("%s: %+v: %v\ncosign: %s\nours: %s", registry, question, err, output, outcome)
						}
					}
				}
			}
		}
	}
	differences.checkAllFound(t)
	writeFixtures(t, kept)
	t.Logf("%d questions, %d of them answered as differences.json says", asked, differences.found)
}

// push pushes an image, and returns its name by digest.
func push(t *testing.T, repository string) name.Digest {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	tag, err := name.NewTag(repository + ":v1")
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(tag, image); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return tag.Digest(digest.String())
}

// cosignSays asks cosign.
func cosignSays(t *testing.T, c cosign, question question, public string, image name.Digest) (bool, string) {
	t.Helper()
	arguments := []string{"verify"}
	if question.Asked == "attestation" {
		arguments = []string{"verify-attestation", "--type", "spdxjson"}
	}
	output, ok := c.run(t, slices.Concat(arguments, []string{"--insecure-ignore-tlog", "--key", public, image.String()})...)
	return ok, output
}

// commandSays asks the command line, which has to find what there is in the registry.
func commandSays(t *testing.T, question question, public string, image name.Digest) (bool, string) {
	t.Helper()
	arguments := []string{"verify", "--key", public}
	if question.Asked == "attestation" {
		arguments = append(arguments, "--predicate-type", predicateType)
	}
	command := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("IMAGEREVIEW_BIN"), "imagereview"), append(arguments, image.String())...)
	output, err := command.CombinedOutput()
	if status := command.ProcessState.ExitCode(); status != 0 && status != 1 && question.By != "P-521" {
		t.Fatalf("status %d: %s", status, output)
	}
	return err == nil, string(output)
}

// oursSays asks the verifier of this repository.
func oursSays(t *testing.T, question question, public, digest string, found []evidence) (bool, string) {
	t.Helper()
	text, err := json.Marshal(found)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "evidence.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), filepath.Join(os.Getenv("IMAGEREVIEW_BIN"), "examples", "verify"), "key="+public, digest, file).CombinedOutput()
	if err != nil {
		// A key that can't be used.
		return false, string(output)
	}
	var outcomes []struct {
		Verified *struct {
			Claim struct {
				Signature   *struct{ Annotations map[string]string }
				Attestation *struct{ PredicateType string }
			}
		}
	}
	if err := json.Unmarshal(output, &outcomes); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	for _, outcome := range outcomes {
		if outcome.Verified == nil {
			continue
		}
		claim := outcome.Verified.Claim
		if question.Asked == "signature" && claim.Signature != nil {
			return claim.Signature.Annotations["env"] == "prod", string(output)
		}
		if question.Asked == "attestation" && claim.Attestation != nil {
			return claim.Attestation.PredicateType == predicateType, string(output)
		}
	}
	return false, string(output)
}

// fixture is evidence as the tests of imagereview-signature read it, which need no Go.
type fixture struct {
	Key      string     `json:"key"`
	Way      string     `json:"way"`
	Public   string     `json:"public"`
	Image    string     `json:"image"`
	Evidence []evidence `json:"evidence"`
}

// writeFixtures writes them where the flag says.
func writeFixtures(t *testing.T, all []fixture) {
	t.Helper()
	if *fixtures == "" {
		return
	}
	text, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*fixtures, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
