package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/imagereview/imagereview/e2e/webhook"
)

// TestFirstPod is the README's walk-through: a pod without a tag is refused, one with a tag is created. Both languages.
func TestFirstPod(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ language, beginning string }{
		{"en", "image check failed: "},
		{"zh", "检查镜像失败!镜像标签不允许使用latest!"},
	} {
		t.Run(row.language, func(t *testing.T) {
			g := guard(t, webhook.Port(t))
			g.start(t, "--language", row.language)

			err := g.create(pod("web", "nginx"))
			wantDenied(t, err, `"nginx"`, "no-latest-tag")
			if want := `pods "web" is forbidden: ` + denied + row.beginning; err != nil && !strings.HasPrefix(err.Error(), want) {
				t.Errorf("the message should begin with %q: %v", want, err)
			}

			wantAllowed(t, g.create(pod("web", "nginx:1.17.1")))
			created, err := g.Client.CoreV1().Pods("default").Get(context.Background(), "web", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if image := created.Spec.Containers[0].Image; image != "nginx:1.17.1" {
				t.Errorf("the image was stored as %q", image)
			}
		})
	}
}

// TestEveryWayIn tries each way in which an image gets into a pod.
func TestEveryWayIn(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t))
	g.start(t)
	ctx := context.Background()
	pods := g.Client.CoreV1().Pods("default")

	t.Run("init container", func(t *testing.T) {
		bad := pod("init", "nginx:1.17.1")
		bad.Spec.InitContainers = []corev1.Container{{Name: "i", Image: "busybox:latest"}}
		wantDenied(t, g.create(bad), `"busybox:latest"`)
		good := pod("init", "nginx:1.17.1")
		good.Spec.InitContainers = []corev1.Container{{Name: "i", Image: "busybox:1.36"}}
		wantAllowed(t, g.create(good))
	})

	t.Run("one of many", func(t *testing.T) {
		wantDenied(t, g.create(pod("many", "nginx:1.17.1", "redis", "busybox:1.36", "httpd:latest")), `"redis"`, `"httpd:latest"`)
		wantAllowed(t, g.create(pod("many", "nginx:1.17.1", "redis:7", "busybox:1.36", "httpd:2.4")))
	})

	t.Run("generated name", func(t *testing.T) {
		nameless := pod("", "nginx")
		nameless.GenerateName = "web-"
		wantDenied(t, g.create(nameless), `"nginx"`)
	})

	t.Run("update of an image", func(t *testing.T) {
		wantAllowed(t, g.create(pod("update", "nginx:1.17.1")))
		stored, err := pods.Get(ctx, "update", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		stored.Spec.Containers[0].Image = "nginx:latest"
		_, err = pods.Update(ctx, stored, metav1.UpdateOptions{})
		wantDenied(t, err, `"nginx:latest"`)
		stored.Spec.Containers[0].Image = "nginx:1.27"
		_, err = pods.Update(ctx, stored, metav1.UpdateOptions{})
		wantAllowed(t, err)
		_, err = pods.Patch(ctx, "update", types.StrategicMergePatchType, setImage("containers", "c0", "nginx"), metav1.PatchOptions{})
		wantDenied(t, err, `"nginx"`)
		_, err = pods.Patch(ctx, "update", types.StrategicMergePatchType, setImage("containers", "c0", "nginx:1.28"), metav1.PatchOptions{})
		wantAllowed(t, err)
	})

	t.Run("server-side apply", func(t *testing.T) {
		apply := func(image string) error {
			manifest := `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"applied"},"spec":{"containers":[{"name":"c","image":"` + image + `"}]}}`
			_, err := pods.Patch(ctx, "applied", types.ApplyPatchType, []byte(manifest), metav1.PatchOptions{FieldManager: "test"})
			return err
		}
		wantDenied(t, apply("nginx"), `"nginx"`)
		wantAllowed(t, apply("nginx:1.17.1"))
		wantDenied(t, apply("nginx:latest"), `"nginx:latest"`)
	})

	// `kubectl debug` adds such a container to a running pod, through a subresource that has its own request.
	t.Run("ephemeral container", func(t *testing.T) {
		wantAllowed(t, g.create(pod("debug", "nginx:1.17.1")))
		stored, err := pods.Get(ctx, "debug", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		attach := func(image string) error {
			debugged := stored.DeepCopy()
			debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{
				EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "shell", Image: image},
			}}
			_, err := pods.UpdateEphemeralContainers(ctx, "debug", debugged, metav1.UpdateOptions{})
			return err
		}
		wantDenied(t, attach("busybox"), `"busybox"`)
		wantAllowed(t, attach("busybox:1.36"))
		_, err = pods.Patch(ctx, "debug", types.StrategicMergePatchType, setImage("ephemeralContainers", "tools", "alpine"), metav1.PatchOptions{}, "ephemeralcontainers")
		wantDenied(t, err, `"alpine"`)
	})

	t.Run("dry run", func(t *testing.T) {
		dry := metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}
		_, err := pods.Create(ctx, pod("dry", "nginx"), dry)
		wantDenied(t, err, `"nginx"`)
		_, err = pods.Create(ctx, pod("dry", "nginx:1.17.1"), dry)
		wantAllowed(t, err)
	})
}

// TestNeverAsked shows which images the API server's ImagePolicyWebhook keeps to itself: whoever relies on it alone must
// know. A validating webhook is asked about all of them.
func TestNeverAsked(t *testing.T) {
	t.Parallel()
	g := guard(t, webhook.Port(t))
	g.start(t)

	// The image that a volume mounts.
	mounting := pod("volume", "nginx:1.17.1")
	mounting.Spec.Volumes = []corev1.Volume{{
		Name:         "v",
		VolumeSource: corev1.VolumeSource{Image: &corev1.ImageVolumeSource{Reference: "busybox:latest"}},
	}}
	wantAllowed(t, g.create(mounting))

	// The template of a workload: its pods are denied one by one when a controller makes them.
	labels := map[string]string{"app": "web"}
	_, err := g.Client.AppsV1().Deployments("default").Create(context.Background(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: pod("", "nginx").Spec},
		},
	}, metav1.CreateOptions{})
	wantAllowed(t, err)
}

// setImage is a strategic merge patch that gives the image to the container of that name in a list of the pod.
func setImage(list, name, image string) []byte {
	patch, err := json.Marshal(map[string]any{"spec": map[string]any{list: []any{map[string]any{"name": name, "image": image}}}})
	if err != nil {
		panic(err) // strings and maps can't fail to encode
	}
	return patch
}
