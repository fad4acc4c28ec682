package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/imagereview/imagereview/e2e/cluster"
	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestPullSecrets has the webhook read the pull secrets of pods from the API server that asks it, with the rights that the
// chart gives it.
func TestPullSecrets(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const user, password = "a-team", "secret"
	_, host := serveRegistry(t, func(registry http.Handler) http.Handler {
		return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			if name, secret, _ := request.BasicAuth(); name != user || secret != password {
				response.Header().Set("WWW-Authenticate", `Basic realm="private"`)
				http.Error(response, "who are you?", http.StatusUnauthorized)
				return
			}
			registry.ServeHTTP(response, request)
		})
	})
	digest := push(t, host+"/team/app:v1", "1000", authn.FromConfig(authn.AuthConfig{Username: user, Password: password}))

	server := cluster.StartWith(t, cluster.Etcd(t), "", "--authorization-mode=RBAC")
	core := server.Client.CoreV1()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	auth := base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
	// A helper that a pull secret names is not run.
	config := fmt.Sprintf(`{"auths":{%q:{"auth":%q}},"credsStore":"evil"}`, host, auth)
	for _, namespace := range []string{"imagereview", "team", "other"} {
		_, err := core.Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
		must(err)
		_, err = core.Secrets(namespace).Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "regcred"},
			Type:       corev1.SecretTypeDockerConfigJson,
			StringData: map[string]string{corev1.DockerConfigJsonKey: config},
		}, metav1.CreateOptions{})
		must(err)
	}
	_, err := core.ServiceAccounts("team").Create(ctx, &corev1.ServiceAccount{
		ObjectMeta:       metav1.ObjectMeta{Name: "builder"},
		ImagePullSecrets: []corev1.LocalObjectReference{{Name: "regcred"}},
	}, metav1.CreateOptions{})
	must(err)
	_, err = core.ServiceAccounts("imagereview").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "imagereview"}}, metav1.CreateOptions{})
	must(err)
	_, err = server.Client.RbacV1().Roles("team").Create(ctx, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Name: "pull-secrets"},
		Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}, ResourceNames: []string{"regcred"}},
			{APIGroups: []string{""}, Resources: []string{"serviceaccounts"}, Verbs: []string{"get"}},
		},
	}, metav1.CreateOptions{})
	must(err)
	_, err = server.Client.RbacV1().RoleBindings("team").Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "pull-secrets"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "pull-secrets"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "imagereview", Namespace: "imagereview"}},
	}, metav1.CreateOptions{})
	must(err)
	token, err := core.ServiceAccounts("imagereview").CreateToken(ctx, "imagereview", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	must(err)
	account := t.TempDir()
	must(os.WriteFile(filepath.Join(account, "token"), []byte(token.Status.Token), 0o600))
	authority, err := os.ReadFile(server.Authority)
	must(err)
	must(os.WriteFile(filepath.Join(account, "ca.crt"), authority, 0o600))

	policy := filepath.Join(t.TempDir(), "policy.yaml")
	must(os.WriteFile(policy, []byte(factsPolicy), 0o600))
	address := webhook.Port(t)
	files := webhook.Init(t, address, "--validating", "--mutating")
	apiServer, err := url.Parse(server.Config.Host)
	must(err)
	webhook.StartInPod(t, address, files, apiServer.Host,
		"--policy", policy, "--facts=auto", "--registries", registriesFile(t, host), "--pull-secrets", account)
	g := &guarded{APIServer: server, address: address, files: files}
	kubectl := g.kubectl(t)
	registers(t, kubectl, files)("mutating_webhook.yaml")

	image := host + "/team/app:v1"
	run := func(namespace, name, spec string) (string, string) {
		overrides := fmt.Sprintf(`{"spec":%s}`, spec)
		output, problems, _ := kubectl("run", name, "--namespace", namespace, "--image="+image, "--overrides="+overrides, "--output=jsonpath={.spec.containers[0].image}")
		return output, problems
	}
	const secret = `{"imagePullSecrets":[{"name":"regcred"}]}`
	// Before anybody else, so that nothing is in the cache that others should not see.
	if output, problems := run("team", "known", secret); output != image+"@"+digest {
		t.Fatalf("with its pull secret the image is stored as %q: %s", output, problems)
	}
	if output, problems := run("team", "of-account", `{"serviceAccountName":"builder"}`); output != image+"@"+digest {
		t.Errorf("with its account's pull secret the image is stored as %q: %s", output, problems)
	}
	if output, problems := run("other", "forbidden", secret); output != "" || !strings.Contains(problems, "Secret other/regcred (which the webhook's service account may not get") {
		t.Errorf("without the right to read its pull secret the image is stored as %q: %s", output, problems)
	}
	if output, problems := run("team", "none", `{"imagePullSecrets":[{"name":"none"}]}`); output != "" || !strings.Contains(problems, "denied") {
		t.Errorf("without a pull secret the image is stored as %q: %s", output, problems)
	}
}
