package deploy

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// registers are values that make an API server ask at both paths.
const registers = `webhooks: {validating: {enabled: true}, mutating: {enabled: true}}`

// TestWebhooks holds the chart's webhooks to those of `imagereview init`.
func TestWebhooks(t *testing.T) {
	for _, row := range []struct {
		name, values string
		init         []string
	}{
		{"neither", `{}`, nil},
		{"validating", `{webhooks: {validating: {enabled: true}}}`, []string{"--service=imagereview/imagereview", "--validating"}},
		{"mutating", `{webhooks: {mutating: {enabled: true}}}`, []string{"--service=imagereview/imagereview", "--mutating"}},
		{"both", registers, []string{"--service=imagereview/imagereview", "--validating", "--mutating"}},
		{"another port", registers + "\nservice: {port: 8443}", []string{"--service=imagereview/imagereview:8443", "--validating", "--mutating"}},
		{
			"failing open", `{webhooks: {failurePolicy: Ignore, validating: {enabled: true}}}`,
			[]string{"--service=imagereview/imagereview", "--validating", "--default-allow"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := t.TempDir()
			program(t, "imagereview-cli", append([]string{"init", "--server=https://imagereview.imagereview.svc", "--force", "--out=" + out}, row.init...)...)
			var written []runtime.Object
			for _, file := range []string{"mutating_webhook.yaml", "validating_webhook.yaml"} {
				if path := filepath.Join(out, file); exists(t, path) {
					written = append(written, decode(t, string(read(t, path)))...)
				}
			}
			values := parse(t, row.values)
			values["tls"] = map[string]any{"caBundle": string(read(t, filepath.Join(out, "ca.crt")))}
			rendered := webhooks(decode(t, render(t, format(t, values))))
			if len(written) != len(rendered) || !equality.Semantic.DeepEqual(unlabelled(rendered), written) {
				t.Errorf("the chart gives\n%s\nand init\n%s", format(t, rendered), format(t, written))
			}
		})
	}
}

// TestWebhookValues looks for the values that `imagereview init` has no option for.
func TestWebhookValues(t *testing.T) {
	objects := decode(t, render(t, `
webhooks: {validating: {enabled: true}, timeoutSeconds: 2, excludedNamespaces: [cert-manager, kube-system]}
tls: {generate: true}
`))
	webhook := webhooks(objects)[0].(*admissionregistrationv1.ValidatingWebhookConfiguration).Webhooks[0]
	if *webhook.TimeoutSeconds != 2 {
		t.Errorf("the API server waits for %d s, not 2", *webhook.TimeoutSeconds)
	}
	if excluded := webhook.NamespaceSelector.MatchExpressions[0].Values; !slices.Equal(excluded, []string{"kube-system", "imagereview", "cert-manager"}) {
		t.Errorf("the namespaces left out are %q", excluded)
	}
}

// TestTLSRefuses gives the chart certificates that can't work, and looks for what it says of them.
func TestTLSRefuses(t *testing.T) {
	const authority = `caBundle: "-----BEGIN CERTIFICATE-----"`
	for _, row := range []struct{ values, says string }{
		{registers, "set tls.caBundle to the authority of the certificate in the Secret imagereview-tls, or tls.certManager.enabled, or tls.generate"},
		{"webhooks: {validating: {enabled: true}}", "set tls.caBundle"},
		{"webhooks: {mutating: {enabled: true}}", "set tls.caBundle"},
		{registers + "\ntls: {generate: true, " + authority + "}", "tls.caBundle and tls.generate exclude each other"},
		{registers + "\ntls: {certManager: {enabled: true}, " + authority + "}", "tls.caBundle and tls.certManager.enabled exclude each other"},
		{"tls: {generate: true, certManager: {enabled: true}}", "tls.certManager.enabled and tls.generate exclude each other"},
		{"tls: {generate: true, mutual: true}", "tls.certManager.issuerRef"},
		{"tls: {certManager: {enabled: true}, mutual: true}", "tls.certManager.issuerRef"},
		{"tls: {caBundle: ca.crt}", "/tls/caBundle"},
		{`tls: {caBundle: "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----"}`, "/tls/caBundle"},
		{"tls: {certManager: {issuerRef: {kind: ClusterIssuer}}}", "/tls/certManager/issuerRef"},
		{"webhooks: {failurePolicy: fail}", "/webhooks/failurePolicy"},
		{"webhooks: {timeoutSeconds: 31}", "/webhooks/timeoutSeconds"},
		{"webhooks: {timeoutSeconds: 0}", "/webhooks/timeoutSeconds"},
		{"webhooks: {excludedNamespaces: [Team_A]}", "/webhooks/excludedNamespaces/0"},
		{"webhooks: {enabled: true}", "/webhooks"},
	} {
		if _, err := tryRender(t, row.values); err == nil || !strings.Contains(err.Error(), row.says) {
			t.Errorf("%s: %v; should say %q", row.values, err, row.says)
		}
	}
}

// TestGenerated asks of the certificate that Helm makes what the API server and the webhook ask of it.
func TestGenerated(t *testing.T) {
	const values = registers + "\ntls: {generate: true}"
	objects := decode(t, render(t, values))
	secret := find[*corev1.Secret](t, objects)
	wantMounted(t, objects, secret.Name)
	for _, bundle := range bundles(objects) {
		if string(bundle) != string(secret.Data["ca.crt"]) {
			t.Errorf("the API server is told to trust\n%s\nand not the Secret's authority", bundle)
		}
	}

	pair, err := tls.X509KeyPair(secret.Data["tls.crt"], secret.Data["tls.key"])
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(secret.Data["ca.crt"])
	for _, when := range []time.Time{time.Now(), time.Now().AddDate(9, 11, 0)} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: "imagereview.imagereview.svc", Roots: roots, CurrentTime: when}); err != nil {
			t.Errorf("at %v: %v", when, err)
		}
	}

	folder := t.TempDir()
	for name, contents := range secret.Data {
		if err := os.WriteFile(filepath.Join(folder, name), contents, 0o400); err != nil {
			t.Fatal(err)
		}
	}
	program(t, "imagereview-http", "--check-config", "--tls-cert="+filepath.Join(folder, "tls.crt"), "--tls-key="+filepath.Join(folder, "tls.key"))
}

// TestGeneratedOnce upgrades a release whose Secret is in the cluster.
func TestGeneratedOnce(t *testing.T) {
	const values = registers + "\ntls: {generate: true}"
	first := find[*corev1.Secret](t, decode(t, render(t, values)))
	for _, row := range []struct {
		name  string
		alter func(*corev1.Secret)
		kept  bool
	}{
		{"as it was", func(*corev1.Secret) {}, true},
		{"with a key of somebody else's", func(secret *corev1.Secret) { secret.Data["other"] = []byte("x") }, true},
		{"without its authority", func(secret *corev1.Secret) { delete(secret.Data, "ca.crt") }, false},
		{"without its key", func(secret *corev1.Secret) { secret.Data["tls.key"] = nil }, false},
		{"in another namespace", func(secret *corev1.Secret) { secret.Namespace = "other" }, false},
		{"under another name", func(secret *corev1.Secret) { secret.Name = "other" }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			present := first.DeepCopy()
			row.alter(present)
			rendered, err := renderIn(t, values, cluster{fake.NewSimpleDynamicClient(scheme.Scheme, present)})
			if err != nil {
				t.Fatal(err)
			}
			objects := decode(t, rendered)
			if kept := reflect.DeepEqual(find[*corev1.Secret](t, objects).Data, first.Data); kept != row.kept {
				t.Errorf("the Secret is kept: %t", kept)
			}
			for _, bundle := range bundles(objects) {
				if kept := string(bundle) == string(first.Data["ca.crt"]); kept != row.kept {
					t.Errorf("the caBundle is kept: %t", kept)
				}
			}
		})
	}
}

// TestCertManager follows the certificate from the pods to its authority. cert-manager's own types would bring all of
// cert-manager with them, so fields are looked up by name.
func TestCertManager(t *testing.T) {
	for _, row := range []struct{ name, issuer string }{
		{"an authority of its own", ``},
		{"a given issuer", `{name: internal, kind: ClusterIssuer, group: cert-manager.io}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			objects := decode(t, render(t, registers+"\ntls: {secret: other, certManager: {enabled: true, issuerRef: "+row.issuer+"}}"))
			byName := map[string]map[string]any{}
			for _, object := range objects {
				if object, ok := object.(*unstructured.Unstructured); ok {
					byName[object.GetKind()+"/"+object.GetName()] = object.Object["spec"].(map[string]any)
					if object.GetNamespace() != "imagereview" {
						t.Errorf("the %s %s is in the namespace %q", object.GetKind(), object.GetName(), object.GetNamespace())
					}
				}
			}
			certificate := byName["Certificate/imagereview"]
			wantMounted(t, objects, fmt.Sprint(certificate["secretName"]))
			if names := certificate["dnsNames"]; !reflect.DeepEqual(names, []any{"imagereview.imagereview.svc"}) {
				t.Errorf("the certificate is for %v", names)
			}
			for _, object := range webhooks(objects) {
				annotations := object.(interface{ GetAnnotations() map[string]string }).GetAnnotations()
				if from := annotations["cert-manager.io/inject-ca-from"]; from != "imagereview/imagereview" {
					t.Errorf("the authority is injected from %q", from)
				}
			}
			if got := bundles(objects); len(got) != 2 || got[0] != nil || got[1] != nil {
				t.Errorf("cert-manager should give the caBundle, not the chart: %q", got)
			}
			if row.issuer != "" {
				if want := parse(t, row.issuer); !reflect.DeepEqual(certificate["issuerRef"], want) || len(byName) != 1 {
					t.Errorf("the issuer should be %v, not %v, and made by somebody else: %v", want, certificate["issuerRef"], byName)
				}
				return
			}
			issuer := func(certificate map[string]any) map[string]any {
				ref, _ := certificate["issuerRef"].(map[string]any)
				return byName[fmt.Sprintf("%v/%v", ref["kind"], ref["name"])]
			}
			ca, _ := issuer(certificate)["ca"].(map[string]any)
			authority := byName["Certificate/imagereview-authority"]
			if ca["secretName"] != authority["secretName"] || authority["secretName"] == nil || authority["isCA"] != true {
				t.Errorf("%v should sign by %v", ca, authority)
			}
			if _, ok := issuer(authority)["selfSigned"]; !ok {
				t.Errorf("nobody signs the authority %v", authority)
			}
		})
	}
}

// cluster is what Helm's `lookup` sees.
type cluster struct{ client dynamic.Interface }

func (c cluster) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	if apiVersion != "v1" || kind != "Secret" {
		return nil, false, fmt.Errorf("nobody should look up a %s of %s", kind, apiVersion)
	}
	return c.client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}), true, nil
}

// program runs a program of this workspace, which Cargo builds if it has to.
func program(t *testing.T, name string, arguments ...string) {
	t.Helper()
	command := exec.Command("cargo", append([]string{"run", "--locked", "--quiet", "--package", name, "--"}, arguments...)...)
	command.Dir = ".."
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command.Args, " "), err, output)
	}
}

func exists(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Stat(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

func format(t *testing.T, value any) string {
	t.Helper()
	text, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// webhooks are the objects that make an API server ask.
func webhooks(objects []runtime.Object) (found []runtime.Object) {
	for _, object := range objects {
		switch object.(type) {
		case *admissionregistrationv1.MutatingWebhookConfiguration, *admissionregistrationv1.ValidatingWebhookConfiguration:
			found = append(found, object)
		}
	}
	return found
}

// unlabelled are the objects without the labels that Helm's users expect.
func unlabelled(objects []runtime.Object) (changed []runtime.Object) {
	for _, object := range objects {
		object = object.DeepCopyObject()
		object.(interface{ SetLabels(map[string]string) }).SetLabels(nil)
		changed = append(changed, object)
	}
	return changed
}

// bundles are the authorities that the webhooks' API server is told to trust.
func bundles(objects []runtime.Object) (found [][]byte) {
	for _, object := range objects {
		switch object := object.(type) {
		case *admissionregistrationv1.MutatingWebhookConfiguration:
			found = append(found, object.Webhooks[0].ClientConfig.CABundle)
		case *admissionregistrationv1.ValidatingWebhookConfiguration:
			found = append(found, object.Webhooks[0].ClientConfig.CABundle)
		}
	}
	return found
}

// find is the one object of a type.
func find[T runtime.Object](t *testing.T, objects []runtime.Object) (found T) {
	t.Helper()
	count := 0
	for _, object := range objects {
		if object, ok := object.(T); ok {
			found = object
			count++
		}
	}
	if count != 1 {
		t.Fatalf("there should be one %T, not %d", found, count)
	}
	return found
}

// wantMounted fails the test unless the pods mount the Secret.
func wantMounted(t *testing.T, objects []runtime.Object, secret string) {
	t.Helper()
	volumes := deployment(t, objects).Spec.Template.Spec.Volumes
	if !slices.ContainsFunc(volumes, func(volume corev1.Volume) bool { return volume.Secret != nil && volume.Secret.SecretName == secret }) {
		t.Errorf("the pods don't mount the Secret %s", secret)
	}
}
