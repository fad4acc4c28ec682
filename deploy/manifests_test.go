package deploy

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/intstr"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the plain manifests anew")

// plain is the chart with its own values, for those who don't use Helm.
const plain = "kubernetes/imagereview.yaml"

// values are sets of values that each turn something of the chart on, off or round.
var values = map[string]string{
	"the chart's own":  ``,
	"everything on":    everything,
	"one replica":      `{replicas: 1, podDisruptionBudget: {maxUnavailable: 100%}}`,
	"no limits":        `{networkPolicy: {enabled: false}, priorityClassName: "", nodeSelector: null}`,
	"no scraping":      `{networkPolicy: {metricsFrom: []}}`,
	"a pinned image":   `{image: {digest: "sha256:` + strings.Repeat("0", 64) + `"}}`,
	"another language": `{language: zh}`,
	"generated TLS":    registers + "\ntls: {generate: true}",
	"cert-manager":     registers + "\ntls: {certManager: {enabled: true}}",
	"without webhooks": `{tls: {certManager: {enabled: true, issuerRef: {name: internal}}, mutual: true}}`,
}

const everything = `
replicas: 3
image: {repository: "[2001:db8::1]:5000/imagereview", tag: "1.2", pullPolicy: Always, pullSecrets: [{name: registry}]}
tls: {mutual: true, secret: other, caBundle: "-----BEGIN CERTIFICATE-----\n", clientNames: [kube-apiserver, "other name"]}
policies: {base.yaml: "apiVersion: x\nkind: y\n"}
listen: 0.0.0.0
log: {format: text, level: debug, audit: true}
options: ["--max-body-bytes=1048576", "--header-timeout=1m"]
environment: [{name: IMAGEREVIEW_BODY_TIMEOUT, value: 5s}]
extraVolumes: [{name: more, emptyDir: {}}]
extraVolumeMounts: [{name: more, mountPath: /etc/imagereview/more, readOnly: true}]
service: {port: 8443, ipFamilyPolicy: RequireDualStack, clusterIP: 10.96.0.20, annotations: {example.com/a: b}}
nodeSelector: {example.com/pool: system}
tolerations: [{key: node-role.kubernetes.io/control-plane, operator: Exists}]
affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Exists}]}]}}}
podAnnotations: {example.com/a: "1"}
podLabels: {example.com/b: "2"}
networkPolicy: {reviewsFrom: [192.0.2.0/24, "2001:db8::/32"]}
webhooks: {validating: {enabled: true}, mutating: {enabled: true}, timeoutSeconds: 30, excludedNamespaces: [cert-manager]}
serviceMonitor: {enabled: true, labels: {release: prometheus}}
prometheusRule: {enabled: true, labels: {release: prometheus}}
`

// TestChart renders the chart and asks of the objects what an API server, its Pod Security admission and the objects
// themselves ask of each other.
func TestChart(t *testing.T) {
	for name, values := range values {
		t.Run(name, func(t *testing.T) {
			for _, message := range lint.RunAll("chart", parse(t, values), "imagereview").Messages {
				// Helm would like an icon.
				if message.Severity > support.InfoSev {
					t.Errorf("helm lint: %v", message)
				}
			}
			consistent(t, decode(t, render(t, values)))
		})
	}
}

// TestChartRefuses gives the chart values that are mistakes.
func TestChartRefuses(t *testing.T) {
	for _, values := range []string{
		`{replica: 3}`,
		`{replicas: 0}`,
		`{image: {tag: Latest}}`,
		`{image: {digest: "0000"}}`,
		`{language: fr}`,
		`{policies: {readme.txt: ""}}`,
		`{policies: {signed.yaml: "", cosign.key: ""}}`,
		`{podDisruptionBudget: {minAvailable: 1}}`,
	} {
		if _, err := tryRender(t, values); err == nil {
			t.Errorf("%s was rendered", values)
		}
	}
}

// TestChartAsksWhoMayAsk renders the chart only where it is said whose requests are answered.
func TestChartAsksWhoMayAsk(t *testing.T) {
	for _, row := range []struct{ values, says string }{
		{`{}`, "say who may ask for reviews"},
		{`{networkPolicy: {enabled: false, reviewsFrom: [192.0.2.1/32]}}`, "say who may ask for reviews"},
		{`{allowAnyClient: true}`, ""},
		{`{networkPolicy: {reviewsFrom: [192.0.2.1/32]}}`, ""},
		{`{tls: {mutual: true}}`, ""},
		{`{networkPolicy: {enabled: false}, tls: {mutual: true}}`, ""},
		{`{allowAnyClient: true, tls: {revocationLists: revoked}}`, "without tls.mutual they show none"},
	} {
		given := parse(t, row.values)
		if _, said := given["allowAnyClient"]; !said {
			given["allowAnyClient"] = false
		}
		_, err := tryRender(t, format(t, given))
		if row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("%s: %v; should say %q", row.values, err, row.says)
		}
	}
}

// TestChartPrefersTheDigest gives the chart both.
func TestChartPrefersTheDigest(t *testing.T) {
	digest := "sha256:" + strings.Repeat("0", 64)
	for values, image := range map[string]string{
		`{image: {repository: registry.example.com/a, tag: "1.2", digest: "` + digest + `"}}`: "registry.example.com/a@" + digest,
		`{image: {repository: registry.example.com/a, tag: "1.2"}}`:                           "registry.example.com/a:1.2",
	} {
		if given := deployment(t, decode(t, render(t, values))).Spec.Template.Spec.Containers[0].Image; given != image {
			t.Errorf("%s gives the image %s", values, given)
		}
	}
}

// TestChartTakesWhatPoliciesName gives the chart a policy with the files that it names, which have to lie beside it.
func TestChartTakesWhatPoliciesName(t *testing.T) {
	names := []string{"signed.yaml", "cosign.pub", "ca.pem", "ca.crt", "trusted_root.json"}
	values := "policies:\n"
	for _, name := range names {
		values += "  " + name + ": of-" + name + "\n"
	}
	objects := decode(t, render(t, values))
	files := find[*corev1.ConfigMap](t, objects).Data
	for _, name := range names {
		if files[name] != "of-"+name {
			t.Errorf("%s has %q", name, files[name])
		}
	}
	if args := deployment(t, objects).Spec.Template.Spec.Containers[0].Args; !slices.Contains(args, "--policy=/etc/imagereview/policy") {
		t.Errorf("the arguments are %v", args)
	}
}

// TestChartMountsRevocationLists gives the webhook the file that its option names.
func TestChartMountsRevocationLists(t *testing.T) {
	pod := deployment(t, decode(t, render(t, `{tls: {mutual: true, revocationLists: revoked}}`))).Spec.Template.Spec
	if !slices.Contains(pod.Containers[0].Args, "--client-crl=/etc/imagereview/revoked/crl.pem") {
		t.Errorf("the arguments are %v", pod.Containers[0].Args)
	}
	for _, volume := range pod.Volumes {
		if source := volume.ConfigMap; source != nil && source.Name == "revoked" && source.Items[0].Path == "crl.pem" {
			return
		}
	}
	t.Errorf("the ConfigMap is not among the volumes %v", pod.Volumes)
}

// TestChartAsksRegistries gives the webhook the files that its options name, and a way out to the registries.
func TestChartAsksRegistries(t *testing.T) {
	objects := decode(t, render(t, `{facts: {enabled: true, timeout: 3s, registries: "kind: Registries", caBundle: "-----BEGIN CERTIFICATE-----", pullSecret: pull}, networkPolicy: {registriesAt: [192.0.2.0/24], registryPorts: [5000]}}`))
	pod := deployment(t, objects).Spec.Template.Spec
	for _, option := range []string{
		"--facts=auto", "--facts-timeout=3s",
		"--registries=/etc/imagereview/registries/registries.yaml", "--docker-config=/etc/imagereview/pull/config.json",
	} {
		if !slices.Contains(pod.Containers[0].Args, option) {
			t.Errorf("%s is not among %v", option, pod.Containers[0].Args)
		}
	}
	mounted := map[string]string{}
	for _, mount := range pod.Containers[0].VolumeMounts {
		mounted[mount.Name] = mount.MountPath
	}
	for _, volume := range pod.Volumes {
		switch {
		case volume.ConfigMap != nil && strings.HasSuffix(volume.ConfigMap.Name, "-registries"):
			if mounted[volume.Name] != "/etc/imagereview/registries" {
				t.Errorf("the registries file is at %q", mounted[volume.Name])
			}
			delete(mounted, volume.Name)
		case volume.Secret != nil && volume.Secret.SecretName == "pull":
			if mounted[volume.Name] != "/etc/imagereview/pull" || volume.Secret.Items[0].Path != "config.json" {
				t.Errorf("the pull secret is at %q", mounted[volume.Name])
			}
			delete(mounted, volume.Name)
		}
	}
	if len(mounted) != 1 {
		t.Errorf("beside the certificate there are the mounts %v", mounted)
	}
	for _, object := range objects {
		if file, is := object.(*corev1.ConfigMap); is && strings.HasSuffix(file.Name, "-registries") {
			if file.Data["registries.yaml"] != "kind: Registries" || file.Data["ca.pem"] == "" {
				t.Errorf("the registries file is %v", file.Data)
			}
		}
	}
	policy := find[*networkingv1.NetworkPolicy](t, objects)
	if len(policy.Spec.Egress) != 2 || policy.Spec.Egress[1].To[0].IPBlock.CIDR != "192.0.2.0/24" || policy.Spec.Egress[1].Ports[0].Port.IntValue() != 5000 {
		t.Errorf("the way out is %v", policy.Spec.Egress)
	}
	if closed := find[*networkingv1.NetworkPolicy](t, decode(t, render(t, ""))); len(closed.Spec.Egress) != 0 {
		t.Errorf("without facts the way out is %v", closed.Spec.Egress)
	}
}

// TestChartReadsPullSecrets lets the webhook get what it is to read, by name, in the namespaces that are listed and no others.
func TestChartReadsPullSecrets(t *testing.T) {
	const values = `{facts: {enabled: true, pullSecretsOf: [{namespace: team, secrets: [regcred], serviceAccounts: [default]}, {namespace: other}]}, networkPolicy: {apiServersAt: [192.0.2.1/32], apiServerPorts: [6443]}}`
	objects := decode(t, render(t, values))
	pod := deployment(t, objects).Spec.Template.Spec
	if !slices.Contains(pod.Containers[0].Args, "--pull-secrets=auto") || !*pod.AutomountServiceAccountToken {
		t.Errorf("the webhook does not read pull secrets: %v", pod.Containers[0].Args)
	}
	want := map[string][][]string{"team": {{"regcred"}, {"default"}}, "other": {nil, nil}}
	bound := map[string]bool{}
	for _, object := range objects {
		switch object := object.(type) {
		case *rbacv1.Role:
			for index, resource := range []string{"secrets", "serviceaccounts"} {
				rule := object.Rules[index]
				if !slices.Equal(rule.Verbs, []string{"get"}) || !slices.Equal(rule.Resources, []string{resource}) || !slices.Equal(rule.ResourceNames, want[object.Namespace][index]) {
					t.Errorf("in %s it may %v", object.Namespace, rule)
				}
			}
			delete(want, object.Namespace)
		case *rbacv1.RoleBinding:
			bound[object.Namespace] = object.RoleRef.Kind == "Role" && object.Subjects[0].Name == pod.ServiceAccountName && object.Subjects[0].Namespace == "imagereview"
		case *rbacv1.ClusterRole, *rbacv1.ClusterRoleBinding:
			t.Errorf("it has rights in all namespaces: %v", object)
		}
	}
	if len(want) != 0 || !bound["team"] || !bound["other"] {
		t.Errorf("roles are missing in %v, and these are bound: %v", want, bound)
	}
	way := find[*networkingv1.NetworkPolicy](t, objects).Spec.Egress[2]
	if way.To[0].IPBlock.CIDR != "192.0.2.1/32" || way.Ports[0].Port.IntValue() != 6443 {
		t.Errorf("the way to the API server is %v", way)
	}
	if pod := deployment(t, decode(t, render(t, `{facts: {enabled: true}}`))).Spec.Template.Spec; *pod.AutomountServiceAccountToken {
		t.Error("without pull secrets it has a token")
	}
}

// TestPlain holds the plain manifests to the chart.
func TestPlain(t *testing.T) {
	rendered := []byte("# The chart with its own values, and open to any client: give the NetworkPolicy the addresses of your API servers (`from`).\n# After a change of the chart, in deploy: go test -run TestPlain -update\n" + render(t, ""))
	if *update {
		if err := os.WriteFile(plain, rendered, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written := read(t, plain)
	if !bytes.Equal(written, rendered) {
		t.Errorf("%s isn't what the chart gives; see its first line", plain)
	}
	consistent(t, append(decode(t, string(read(t, "kubernetes/namespace.yaml"))), decode(t, string(written))...))
}

// TestStaticPod holds the static pod to Pod Security's strictest level, but for what makes it a static pod.
func TestStaticPod(t *testing.T) {
	pod := staticPod(t)
	wantSecure(t, &pod.ObjectMeta, &pod.Spec, "host namespaces", "hostPath volumes", "probe or lifecycle host", "restricted volume types")
	wantProbed(t, &pod.Spec)
	for _, volume := range pod.Spec.Volumes {
		if volume.HostPath == nil {
			t.Errorf("a static pod can't refer to an API object, as the volume %s does", volume.Name)
		}
	}
}

func staticPod(t *testing.T) *corev1.Pod {
	t.Helper()
	objects := decode(t, string(read(t, "control-plane/imagereview.yaml")))
	pod, ok := objects[0].(*corev1.Pod)
	if !ok || len(objects) != 1 {
		t.Fatalf("a static pod is one Pod, not %T", objects[0])
	}
	return pod
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	contents, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	parsed := map[string]any{}
	if err := yaml.UnmarshalStrict([]byte(text), &parsed); err != nil {
		t.Fatal(err)
	}
	return parsed
}

// render is what `helm template imagereview chart --namespace imagereview` would print, without the notes.
func render(t *testing.T, values string) string {
	t.Helper()
	rendered, err := tryRender(t, values)
	if err != nil {
		t.Fatal(err)
	}
	return rendered
}

func tryRender(t *testing.T, values string) (string, error) {
	t.Helper()
	return renderIn(t, values, cluster{fake.NewSimpleDynamicClient(scheme.Scheme)})
}

// renderIn renders the chart where `lookup` sees a cluster. Any client may ask unless the values say otherwise.
func renderIn(t *testing.T, values string, cluster cluster) (string, error) {
	t.Helper()
	chart, err := loader.Load("chart")
	if err != nil {
		t.Fatal(err)
	}
	given := parse(t, values)
	if _, said := given["allowAnyClient"]; !said {
		given["allowAnyClient"] = true
	}
	release := common.ReleaseOptions{Name: "imagereview", Namespace: "imagereview", IsInstall: true}
	merged, err := util.ToRenderValues(chart, given, release, common.DefaultCapabilities)
	if err != nil {
		return "", err
	}
	files, err := engine.RenderWithClientProvider(chart, merged, cluster)
	if err != nil {
		return "", err
	}
	var names []string
	for name, text := range files {
		if strings.HasSuffix(name, ".yaml") && strings.TrimSpace(text) != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all strings.Builder
	for _, name := range names {
		fmt.Fprintf(&all, "---\n%s\n", strings.TrimSpace(files[name]))
	}
	return all.String(), nil
}

// decode reads objects as an API server does that is asked to be strict: an unknown or repeated field is an error.
func decode(t *testing.T, text string) (objects []runtime.Object) {
	t.Helper()
	if err := monitoringv1.AddToScheme(scheme.Scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"Certificate", "Issuer"} {
		certManager := schema.GroupVersionKind{Group: "cert-manager.io", Version: "v1", Kind: kind}
		scheme.Scheme.AddKnownTypeWithName(certManager, &unstructured.Unstructured{})
	}
	strict := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{Yaml: true, Strict: true})
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	defer documents.Close()
	buffer := make([]byte, len(text))
	for {
		n, err := documents.Read(buffer)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		if fields := map[string]any{}; yaml.Unmarshal(buffer[:n], &fields) == nil && len(fields) == 0 {
			continue // comments only
		}
		object, _, err := strict.Decode(buffer[:n], nil, nil)
		if err != nil {
			t.Fatalf("%v in\n%s", err, buffer[:n])
		}
		objects = append(objects, object)
	}
}

// consistent checks that the objects fit each other: each selector selects the pods, each port that is named is there,
// and the pods are held to Pod Security's strictest level.
func consistent(t *testing.T, objects []runtime.Object) {
	t.Helper()
	deployment := deployment(t, objects)
	pod := deployment.Spec.Template
	wantSecure(t, &pod.ObjectMeta, &pod.Spec)
	wantProbed(t, &pod.Spec)
	wantSelected(t, "Deployment", deployment.Spec.Selector, pod.Labels)
	for _, constraint := range pod.Spec.TopologySpreadConstraints {
		wantSelected(t, "topology spread", constraint.LabelSelector, pod.Labels)
	}
	var service *corev1.Service
	var accounts, configMaps []string
	for _, object := range objects {
		switch object := object.(type) {
		case *corev1.Service:
			service = object
			wantSelected(t, "Service", metav1.SetAsLabelSelector(object.Spec.Selector), pod.Labels)
			for _, port := range object.Spec.Ports {
				wantPort(t, "Service", port.TargetPort, &pod.Spec)
			}
		case *policyv1.PodDisruptionBudget:
			wantSelected(t, "PodDisruptionBudget", object.Spec.Selector, pod.Labels)
		case *networkingv1.NetworkPolicy:
			wantSelected(t, "NetworkPolicy", &object.Spec.PodSelector, pod.Labels)
			for _, rule := range object.Spec.Ingress {
				for _, port := range rule.Ports {
					wantPort(t, "NetworkPolicy", *port.Port, &pod.Spec)
				}
			}
		case *corev1.ServiceAccount:
			accounts = append(accounts, object.Name)
		case *corev1.ConfigMap:
			configMaps = append(configMaps, object.Name)
		}
	}
	for _, volume := range pod.Spec.Volumes {
		if source := volume.ConfigMap; source != nil && !slices.Contains(configMaps, source.Name) {
			t.Errorf("there is no ConfigMap %q", source.Name)
		}
	}
	if !slices.Contains(accounts, pod.Spec.ServiceAccountName) {
		t.Errorf("there is no ServiceAccount %q", pod.Spec.ServiceAccountName)
	}
	for _, object := range objects {
		if monitor, ok := object.(*monitoringv1.ServiceMonitor); ok {
			wantSelected(t, "ServiceMonitor", &monitor.Spec.Selector, service.Labels)
			for _, endpoint := range monitor.Spec.Endpoints {
				if !slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool { return port.Name == endpoint.Port }) {
					t.Errorf("the Service has no port %q, which the ServiceMonitor scrapes", endpoint.Port)
				}
			}
		}
	}
}

// deployment is the Deployment among the objects.
func deployment(t *testing.T, objects []runtime.Object) *appsv1.Deployment {
	t.Helper()
	for _, object := range objects {
		if deployment, ok := object.(*appsv1.Deployment); ok {
			return deployment
		}
	}
	t.Fatal("there is no Deployment")
	return nil
}

func wantSelected(t *testing.T, who string, selector *metav1.LabelSelector, set map[string]string) {
	t.Helper()
	parsed, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || parsed.Empty() || !parsed.Matches(labels.Set(set)) {
		t.Errorf("the selector of the %s, %v, doesn't select %v (%v)", who, parsed, set, err)
	}
}

func wantPort(t *testing.T, who string, wanted intstr.IntOrString, pod *corev1.PodSpec) {
	t.Helper()
	for _, port := range pod.Containers[0].Ports {
		if wanted == intstr.FromString(port.Name) || wanted == intstr.FromInt32(port.ContainerPort) {
			return
		}
	}
	t.Errorf("the pod has no port %s, which the %s names", wanted.String(), who)
}

// wantSecure fails the test if the pod breaks Pod Security's level "restricted" in other ways than these.
func wantSecure(t *testing.T, meta *metav1.ObjectMeta, pod *corev1.PodSpec, excused ...string) {
	t.Helper()
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(restricted, meta, pod) {
		if !result.Allowed && !slices.Contains(excused, result.ForbiddenReason) {
			t.Errorf("Pod Security: %s: %s", result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	container := pod.Containers[0]
	if readOnly := container.SecurityContext.ReadOnlyRootFilesystem; readOnly == nil || !*readOnly {
		t.Error("the root file system should be read-only")
	}
	if container.Resources.Requests.Cpu().IsZero() || container.Resources.Requests.Memory().IsZero() {
		t.Error("the container should request processor and memory")
	}
	if mounts := pod.AutomountServiceAccountToken; mounts == nil || *mounts {
		t.Error("the pod should have no token: it never calls the API server")
	}
}

func wantProbed(t *testing.T, pod *corev1.PodSpec) {
	t.Helper()
	for path, probe := range map[string]*corev1.Probe{"/livez": pod.Containers[0].LivenessProbe, "/readyz": pod.Containers[0].ReadinessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path {
			t.Errorf("the kubelet should ask for %s", path)
		}
	}
}
