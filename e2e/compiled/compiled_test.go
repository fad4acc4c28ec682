package compiled

import (
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/imagereview/imagereview/e2e/references"
)

var (
	seed       = flag.Uint64("seed", 1, "where the random requests begin")
	requests   = flag.Int("requests", 2_000, "how many random requests are decided by each policy")
	throughAPI = flag.Int("through-api", 2_000, "how many random images are sent to a real API server")
	creations  = flag.Int("creations", 200, "how many pods are created to see how long that takes")
)

// batch is how many requests the program is asked about at once.
const batch = 2_000

// TestCompiledPoliciesDecideAlike decides random requests by each policy, as the API server does what is compiled and as
// the program does the documents. Everything must be the same: whether the request is allowed, and which rules failed
// in which mode.
func TestCompiledPoliciesDecideAlike(t *testing.T) {
	t.Parallel()
	recorded := references.Recorded(t, "../..")
	files, err := filepath.Glob("../../examples/policies/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("policies/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, own...) {
		if strings.HasSuffix(file, "_test.yaml") {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			generator := &Generator{Rand: rand.New(rand.NewPCG(*seed, 0)), Recorded: recorded}
			compare(t, file, generator, *requests)
		})
	}
}

// compare decides requests by a policy in both ways.
func compare(t *testing.T, file string, generator *Generator, count int) {
	t.Helper()
	manifests, diagnostics, refused := Manifests(t, []string{file})
	if refused {
		t.Skipf("refused: %s", diagnostics)
	}
	policies, err := Load(manifests, Kubernetes)
	if err != nil {
		t.Fatal(err)
	}
	program := Respond(t, file)
	failures, denied := 0, 0
	for done := 0; done < count; done += batch {
		var all []*Request
		for range min(batch, count-done) {
			all = append(all, generator.Request())
		}
		for i, expected := range program.Decide(all) {
			found := Decide(policies, all[i])
			if !expected.Allowed {
				denied++
			}
			if difference := differ(found, expected); difference != "" {
				object, _ := json.Marshal(review(all[i]))
				t.Errorf("%s\n  the API server: %+v\n  the program: %+v\n  %s", difference, found, expected, object)
				if failures++; failures == 5 {
					t.Fatal("too many differences")
				}
			}
		}
	}
	if denied == count {
		t.Errorf("of %d requests %d were denied, so this compares nothing", count, denied)
	}
	t.Logf("%d requests decided alike, %d of them denied", count, denied)
}

// differ says in what two verdicts differ.
func differ(found, expected Verdict) string {
	if len(found.Undecided) > 0 {
		return "something was not evaluated"
	}
	if found.Allowed != expected.Allowed {
		return "one allows what the other denies"
	}
	for _, key := range []string{"denied-by", "warned-by", "audited-by", "exempted-by"} {
		if of(found, key) != of(expected, key) {
			// Where no document is about a request, the program still records references that it can't read.
			if key == "audited-by" && found.Annotations["policy"] == "" && of(expected, key) == "unreadable-reference" {
				continue
			}
			return key + " differs"
		}
	}
	return ""
}

// of is the values of an annotation, each once and in their order.
func of(verdict Verdict, key string) string {
	value := verdict.Annotations[key]
	for _, separator := range []string{" and ", "; "} {
		value = strings.ReplaceAll(value, separator, ",")
	}
	values := strings.Split(value, ",")
	slices.Sort(values)
	return strings.Join(slices.Compact(values), ",")
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}
