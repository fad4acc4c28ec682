package compiled

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistration "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/references"
	"github.com/imagereview/imagereview/e2e/webhook"
)

var dryRun = metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}

// apply creates the objects that `imagereview policy compile` wrote.
func apply(t testing.TB, server *cluster.APIServer, manifests string) {
	t.Helper()
	api := server.Client.AdmissionregistrationV1()
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifests), 4096)
	for {
		var object unstructured.Unstructured
		if err := decoder.Decode(&object.Object); err == io.EOF {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		var err error
		options := metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict}
		switch object.GetKind() {
		case "ValidatingAdmissionPolicy":
			var policy admissionregistration.ValidatingAdmissionPolicy
			if err = strictly(object, &policy); err == nil {
				_, err = api.ValidatingAdmissionPolicies().Create(t.Context(), &policy, options)
			}
		case "ValidatingAdmissionPolicyBinding":
			var binding admissionregistration.ValidatingAdmissionPolicyBinding
			if err = strictly(object, &binding); err == nil {
				_, err = api.ValidatingAdmissionPolicyBindings().Create(t.Context(), &binding, options)
			}
		}
		if err != nil {
			t.Fatalf("%s %s: %v", object.GetKind(), object.GetName(), err)
		}
	}
}

// pod is a pod with containers of these images.
func pod(images ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "web"}}
	for i, image := range images {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: fmt.Sprintf("c%d", i+1), Image: image})
	}
	return pod
}

// create asks the API server for a pod that it doesn't keep, and gives its denial.
func create(server *cluster.APIServer, pod *corev1.Pod) error {
	_, err := server.Client.CoreV1().Pods("default").Create(context.Background(), pod, dryRun)
	return err
}

// awaitDenial waits until the API server denies an image, which it does a moment after it stored a policy.
func awaitDenial(t testing.TB, server *cluster.APIServer, image string) error {
	t.Helper()
	var denial error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		denial = create(server, pod(image))
		return apierrors.IsForbidden(denial), nil
	})
	if err != nil {
		t.Fatalf("%s should be denied: %v", image, denial)
	}
	return denial
}

// TestCompiledPolicyThroughTheAPI creates a compiled policy in a real API server, and compares what that does with the
// images of real requests with the verdicts of the program.
func TestCompiledPolicyThroughTheAPI(t *testing.T) {
	t.Parallel()
	const file = "policies/everything.yaml"
	manifests, diagnostics, refused := Manifests(t, []string{file})
	if refused {
		t.Fatal(diagnostics)
	}
	server := cluster.Start(t, cluster.Etcd(t), "")
	apply(t, server, manifests)
	denial := awaitDenial(t, server, "k8s.gcr.io/pause:3.9")
	const expected = `ValidatingAdmissionPolicy 'imagereview-everything' with binding 'imagereview-everything' denied request: image check failed: ` +
		`image "k8s.gcr.io/pause:3.9" (container "c1", spec.containers[0].image) breaks rule "allowed": registry "k8s.gcr.io" is not allowed; allowed: `
	if !strings.Contains(denial.Error(), expected) {
		t.Errorf("the denial should hold %q: %v", expected, denial)
	}

	random := rand.New(rand.NewPCG(*seed, 0))
	generator := &Generator{Rand: random, Recorded: references.Recorded(t, "../..")}
	program := Respond(t, file)
	recorded := slices.Clone(generator.Recorded)
	for range *throughAPI {
		recorded = append(recorded, generator.Image())
	}
	decided, denied := 0, 0
	for images := range slices.Chunk(recorded, 1) {
		err := create(server, pod(images...))
		if apierrors.IsInvalid(err) && !strings.Contains(err.Error(), "ValidatingAdmissionPolicy") {
			continue // empty, or white space at the ends: the API server asks nobody
		}
		if err != nil && !apierrors.IsForbidden(err) {
			t.Fatalf("%q: %v", images, err)
		}
		object := pod(images...)
		content, convertErr := converter.ToUnstructured(object)
		if convertErr != nil {
			t.Fatal(convertErr)
		}
		verdict := program.Decide([]*Request{{
			Kind: kinds[0].kind, Resource: "pods", Namespace: "default", Operation: admission.Create,
			User:   user.DefaultInfo{Name: "system:apiserver", Groups: []string{"system:authenticated", "system:masters"}},
			Object: withKind(content),
		}})[0]
		decided++
		if !verdict.Allowed {
			denied++
		}
		if verdict.Allowed != (err == nil) {
			t.Errorf("%q: the API server says %v, the program %+v", images, err, verdict)
		}
	}
	if denied == 0 || denied == decided {
		t.Errorf("of %d requests %d were denied, so this compares nothing", decided, denied)
	}
	t.Logf("%d requests to a real API server decided alike, %d of them denied", decided, denied)
}

func withKind(content map[string]any) *unstructured.Unstructured {
	content["apiVersion"], content["kind"] = "v1", "Pod"
	return &unstructured.Unstructured{Object: content}
}

// TestStaticPolicyGuardsFromTheFirstRequest starts an API server with a compiled policy in a folder of its disk: its
// first request is decided by it, and nobody can delete it.
func TestStaticPolicyGuardsFromTheFirstRequest(t *testing.T) {
	t.Parallel()
	manifests, diagnostics, refused := Manifests(t, []string{"../../examples/policies/trusted-registries.yaml"}, "--static", "--kubernetes=1.37")
	if refused {
		t.Fatal(diagnostics)
	}
	folder := t.TempDir()
	policies := filepath.Join(folder, "policies")
	write(t, filepath.Join(policies, "imagereview.yaml"), manifests)
	configuration := filepath.Join(folder, "admission.yaml")
	write(t, configuration, fmt.Sprintf(`apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionPolicy
  configuration:
    apiVersion: apiserver.config.k8s.io/v1
    kind: ValidatingAdmissionPolicyConfiguration
    staticManifestsDir: %q
`, policies))
	server := cluster.StartWith(t, cluster.Etcd(t), "", "--admission-control-config-file="+configuration)
	if err := create(server, pod("evil.example/app:1")); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "imagereview-trusted-registries.static.k8s.io") {
		t.Errorf("the first request should be denied by the static policy: %v", err)
	}
	if err := create(server, pod("registry.example.com/app:1")); err != nil {
		t.Errorf("a trusted image should be allowed: %v", err)
	}
	api := server.Client.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	listed, err := api.List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, policy := range listed.Items {
		if strings.HasPrefix(policy.Name, "imagereview") {
			t.Errorf("%s should not be an object that anybody can delete", policy.Name)
		}
	}
	if err := api.Delete(t.Context(), "imagereview-trusted-registries.static.k8s.io", metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the policy should not be found to be deleted: %v", err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestLatencyOfPodCreation shows what the creation of a pod takes with neither, with a compiled policy, and with the
// webhook on loopback, in turns in one run. It asserts nothing of the times.
func TestLatencyOfPodCreation(t *testing.T) {
	const file = "../../examples/policies/strict-baseline.yaml"
	manifests, _, refused := Manifests(t, []string{file}, "--partial")
	if refused {
		t.Fatal("the policy was refused")
	}
	etcd := cluster.Etcd(t)
	servers := []struct {
		name   string
		server *cluster.APIServer
	}{{"neither", cluster.Start(t, etcd, "")}, {"compiled policy", cluster.Start(t, etcd, "")}, {"webhook", cluster.Start(t, etcd, "")}}
	apply(t, servers[1].server, manifests)
	awaitDenial(t, servers[1].server, "nginx")

	address := webhook.Port(t)
	files := webhook.Init(t, address, "--validating")
	webhook.StartForAnyone(t, address, files, "--policy", file)
	text, err := os.ReadFile(files.File("validating_webhook.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var registration admissionregistration.ValidatingWebhookConfiguration
	if err := yaml.UnmarshalStrict(text, &registration); err != nil {
		t.Fatal(err)
	}
	if _, err := servers[2].server.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), &registration, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitDenial(t, servers[2].server, "nginx")

	digest := "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	allowed := pod("registry.example.com/team/app:v1.2.3"+digest, "registry.example.com/team/proxy:v2.0.0"+digest, "registry.example.com/team/log:v0.9.1"+digest)
	times := make([][]time.Duration, len(servers))
	for range *creations {
		for i, row := range servers {
			begin := time.Now()
			if err := create(row.server, allowed); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
			times[i] = append(times[i], time.Since(begin))
		}
	}
	for i, row := range servers {
		slices.Sort(times[i])
		at := func(percent int) time.Duration {
			return times[i][(len(times[i])-1)*percent/100].Round(10 * time.Microsecond)
		}
		t.Logf("creation of a pod with 3 images, %s: median %v, 90%% %v, 99%% %v", row.name, at(50), at(90), at(99))
	}
}
