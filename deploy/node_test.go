package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// verifier is the name by which the program decides at once.
const verifier = "imagereview-verify-pull"

// TestNodeFolder holds the DaemonSet to the folder that containerd's configuration names.
func TestNodeFolder(t *testing.T) {
	var config struct {
		Version int
		Plugins map[string]struct {
			BinDir             string `toml:"bin_dir"`
			MaxVerifiers       int    `toml:"max_verifiers"`
			PerVerifierTimeout string `toml:"per_verifier_timeout"`
		}
	}
	meta, err := toml.Decode(string(read(t, "node/image-verifier.toml")), &config)
	if err != nil {
		t.Fatal(err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		t.Errorf("containerd knows no %v", unknown)
	}
	folder := config.Plugins["io.containerd.image-verifier.v1.bindir"].BinDir
	pod := nodePod(t)
	if script := copying(pod).Command[2]; !strings.Contains(script, " /host"+folder+"/"+verifier+"\n") {
		t.Errorf("the program should be copied to %s:\n%s", folder, script)
	}
	wantSecure(t, &nodeDaemonSet(t).Spec.Template.ObjectMeta, pod,
		"restricted volume types", "runAsNonRoot != true", "runAsUser=0", "unrestricted capabilities")
}

// TestNodeCopies runs the script of the DaemonSet over folders that stand for those of the node.
func TestNodeCopies(t *testing.T) {
	root := t.TempDir()
	script := copying(nodePod(t)).Command[2]
	for _, path := range []string{"/host/", "/policy", "/imagereview "} {
		if !strings.Contains(script, path) {
			t.Fatalf("the script should use %s:\n%s", path, script)
		}
	}
	// Only where a path begins.
	script = strings.NewReplacer(
		"/host/", root+"/host/", " /policy/", " "+root+"/policy/", "cp /imagereview ", "cp "+root+"/imagereview ",
	).Replace(script)
	write := func(path, text string, mode os.FileMode) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, version := range []string{"first", "second"} {
		write("policy/a.yaml", version, 0o644)
		write("policy/b.yaml", version, 0o644)
		write("imagereview", version, 0o755)
		if output, err := exec.Command("sh", "-euc", script).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, output)
		}
		for path, names := range map[string][]string{
			"etc/imagereview/policy":            {"a.yaml", "b.yaml"},
			"opt/containerd/image-verifier/bin": {verifier}, // containerd would call any other file too
		} {
			var found []string
			entries, err := os.ReadDir(filepath.Join(root, "host", path))
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range entries {
				found = append(found, entry.Name())
				if text := string(read(t, filepath.Join(root, "host", path, entry.Name()))); text != version {
					t.Errorf("%s/%s is the %s", path, entry.Name(), text)
				}
			}
			if !slices.Equal(found, names) {
				t.Errorf("%s should have %v: %v", path, names, found)
			}
		}
	}
	if info, err := os.Stat(filepath.Join(root, "host/opt/containerd/image-verifier/bin", verifier)); err != nil || info.Mode().Perm()&0o111 != 0o111 {
		t.Errorf("the program should be executable: %v, %v", info, err)
	}
}

func nodeDaemonSet(t *testing.T) *appsv1.DaemonSet {
	t.Helper()
	objects := decode(t, string(read(t, "node/daemonset.yaml")))
	set, ok := objects[0].(*appsv1.DaemonSet)
	if !ok || len(objects) != 1 {
		t.Fatalf("there should be one DaemonSet, not %T", objects[0])
	}
	wantSelected(t, "the DaemonSet", set.Spec.Selector, set.Spec.Template.Labels)
	return set
}

func nodePod(t *testing.T) *corev1.PodSpec {
	t.Helper()
	return &nodeDaemonSet(t).Spec.Template.Spec
}

// copying is the container that copies.
func copying(pod *corev1.PodSpec) *corev1.Container {
	return &pod.InitContainers[0]
}
