package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// workloads are manifests of kinds that hold pods, and where in them the image stands. %[1]s is the object's name,
// %[2]s the pod's spec.
var workloads = []struct{ kind, place, manifest string }{
	{"Pod", "spec.containers[0].image", `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%[1]s"},"spec":%[2]s}`},
	{"PodTemplate", "template.spec.containers[0].image", `{"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"%[1]s"},"template":{"spec":%[2]s}}`},
	{"ReplicationController", "spec.template.spec.containers[0].image", `{"apiVersion":"v1","kind":"ReplicationController","metadata":{"name":"%[1]s"},"spec":{"selector":{"a":"b"},"template":{"metadata":{"labels":{"a":"b"}},"spec":%[2]s}}}`},
	{"Deployment", "spec.template.spec.containers[0].image", `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%[1]s"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":%[2]s}}}`},
	{"ReplicaSet", "spec.template.spec.containers[0].image", `{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"%[1]s"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":%[2]s}}}`},
	{"StatefulSet", "spec.template.spec.containers[0].image", `{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"%[1]s"},"spec":{"serviceName":"s","selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":%[2]s}}}`},
	{"DaemonSet", "spec.template.spec.containers[0].image", `{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"%[1]s"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":%[2]s}}}`},
	{"Job", "spec.template.spec.containers[0].image", `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"%[1]s"},"spec":{"template":{"spec":%[2]s}}}`},
	{"CronJob", "spec.jobTemplate.spec.template.spec.containers[0].image", `{"apiVersion":"batch/v1","kind":"CronJob","metadata":{"name":"%[1]s"},"spec":{"schedule":"@daily","jobTemplate":{"spec":{"template":{"spec":%[2]s}}}}}`},
}

// admissionPolicy denies, warns and changes. The image that it should warn about is nginx:1.17.1.
const admissionPolicy = `apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: test}
mutations:
  mirrors:
    - {from: docker.io/library/httpd, to: mirror.example.com/httpd}
rules:
  - name: no-moving-tags
    tags: {deny: [latest], missing: deny}
  - name: old-tags
    mode: warn
    tags: {deny: ["1.17.*"]}
`

// webhooks starts an API server without further flags, and a webhook with admissionPolicy. It gives kubectl, and a
// function that registers the webhook by one of the files that `imagereview init` writes.
func webhooks(t *testing.T) (kubectl func(...string) (string, string, error), register func(file string)) {
	t.Helper()
	return webhooksWith(t, admissionPolicy)
}

// webhooksWith does the same with a policy that denies httpd, and further options.
func webhooksWith(t *testing.T, text string, options ...string) (kubectl func(...string) (string, string, error), register func(file string)) {
	t.Helper()
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	address := webhook.Port(t)
	files := webhook.Init(t, address, "--validating", "--mutating")
	webhook.StartForAnyone(t, address, files, append(options, "--policy", policy)...)
	g := &guarded{APIServer: cluster.Start(t, cluster.Etcd(t), ""), address: address, files: files}
	kubectl = g.kubectl(t)
	return kubectl, registers(t, kubectl, files)
}

// registers does what registersWith does, with a policy that denies httpd.
func registers(t *testing.T, kubectl func(...string) (string, string, error), files webhook.Files) func(file string) {
	return registersWith(t, kubectl, files, "httpd")
}

// registersWith gives a function that registers a webhook by one of the files of `imagereview init`, and returns once the API
// server calls it, which is when this image is denied.
func registersWith(t *testing.T, kubectl func(...string) (string, string, error), files webhook.Files, denied string) func(file string) {
	return func(file string) {
		t.Helper()
		if output, problems, err := kubectl("apply", "-f", files.File(file)); err != nil {
			t.Fatalf("kubectl apply -f %s: %v\n%s%s", file, err, output, problems)
		}
		// The API server calls a webhook a moment after it stored its registration.
		var output, problems string
		err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
			output, problems, _ = kubectl("run", "probe", "--image="+denied, "--dry-run=server", "--output=yaml")
			return strings.Contains(problems, "denied the request"), nil
		})
		if err != nil {
			t.Fatalf("%s was registered, but isn't called: kubectl wrote %q and %q", file, output, problems)
		}
	}
}

// manifest writes a manifest of a workload.
func manifest(t *testing.T, format, name, image string) string {
	t.Helper()
	policy := "Always"
	if strings.Contains(format, "batch/v1") {
		policy = "Never"
	}
	spec := fmt.Sprintf(`{"restartPolicy":%q,"containers":[{"name":"c","image":%q}]}`, policy, image)
	file := filepath.Join(t.TempDir(), "manifest.json")
	if err := os.WriteFile(file, fmt.Appendf(nil, format, name, spec), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestValidatingWebhook shows what kubectl shows of denials and warnings, for each kind that holds pods.
func TestValidatingWebhook(t *testing.T) {
	t.Parallel()
	kubectl, register := webhooks(t)
	if _, problems, err := kubectl("run", "old", "--image=nginx"); err != nil {
		t.Fatal(problems)
	}
	register("validating_webhook.yaml")
	const denial = `admission webhook "validate.imagereview.internal" denied the request: image check failed: image "nginx" (container "c", `

	for _, row := range workloads {
		t.Run(row.kind, func(t *testing.T) {
			_, problems, err := kubectl("apply", "-f", manifest(t, row.manifest, "web", "nginx"))
			if want := denial + row.place; err == nil || !strings.Contains(problems, want) || !strings.Contains(problems, "no-moving-tags") {
				t.Errorf("nginx should be denied with %q: %q (%v)", want, problems, err)
			}
			_, problems, err = kubectl("apply", "-f", manifest(t, row.manifest, "web", "nginx:1.17.1"))
			if err != nil || !strings.Contains(problems, "Warning: ") || !strings.Contains(problems, `"1.17.*"`) {
				t.Errorf("nginx:1.17.1 should be allowed with a warning: %q (%v)", problems, err)
			}
			_, problems, err = kubectl("apply", "-f", manifest(t, row.manifest, "quiet", "nginx:1.28"))
			if err != nil || problems != "" {
				t.Errorf("nginx:1.28 should be allowed without a word: %q (%v)", problems, err)
			}
		})
	}

	// ImagePolicyWebhook is never asked about the image of a volume; this one is.
	file := filepath.Join(t.TempDir(), "volume.json")
	if err := os.WriteFile(file, []byte(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"volume"},"spec":{
		"containers":[{"name":"c","image":"nginx:1.28"}],"volumes":[{"name":"v","image":{"reference":"busybox"}}]}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, problems, err := kubectl("apply", "-f", file)
	if err == nil || !strings.Contains(problems, `image "busybox"`) || !strings.Contains(problems, "spec.volumes[0].image.reference") {
		t.Errorf("the image of a volume should be denied: %q (%v)", problems, err)
	}

	// A pod from before may be labelled, but gets no other moving tag.
	for _, row := range []struct {
		command string
		allowed bool
	}{
		{"label pod old tier=front", true},
		{"set image pod/old old=nginx:latest", false},
		{"set image pod/old old=nginx:1.28", true},
		{"debug old --image=busybox --container=shell", false},
		{"delete pod old --now", true},
	} {
		_, problems, err := kubectl(strings.Fields(row.command)...)
		if allowed := err == nil; allowed != row.allowed || !allowed && !strings.Contains(problems, "denied the request") {
			t.Errorf("kubectl %s: allowed should be %v: %q (%v)", row.command, row.allowed, problems, err)
		}
	}
}

// TestMutatingWebhook shows that what is stored is what the policy makes of it, for each kind that holds pods.
func TestMutatingWebhook(t *testing.T) {
	t.Parallel()
	kubectl, register := webhooks(t)
	register("mutating_webhook.yaml")
	for _, row := range workloads {
		t.Run(row.kind, func(t *testing.T) {
			if _, problems, err := kubectl("apply", "-f", manifest(t, row.manifest, "web", "httpd:2.4")); err != nil {
				t.Fatal(problems)
			}
			path := "--output=jsonpath={." + row.place + "}"
			image, problems, err := kubectl("get", row.kind, "web", path)
			if err != nil || image != "mirror.example.com/httpd:2.4" {
				t.Errorf("httpd:2.4 was stored as %q: %q (%v)", image, problems, err)
			}
		})
	}
}
