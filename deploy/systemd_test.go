package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const unit = "systemd/imagereview-http.service"

// mostExposed is the exposure that `systemd-analyze security` may find, in tenths; 100 is a unit that protects nothing.
const mostExposed = "15"

// TestUnit asks systemd what it thinks of the unit.
func TestUnit(t *testing.T) {
	// The unit's program need not be installed here; any other will do for it.
	here := filepath.Join(t.TempDir(), filepath.Base(unit))
	if err := os.WriteFile(here, []byte(strings.Replace(string(read(t, unit)), execStart(t)[0], "/bin/true", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	// It only prints what it doesn't know or understand.
	if output, err := exec.Command("systemd-analyze", "verify", "--man=no", here).CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, output)
	}
	if output, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+mostExposed, here).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, output)
	}
}

// TestUnitUser makes the unit's user.
func TestUnitUser(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	file, err := filepath.Abs("systemd/imagereview.sysusers")
	if err != nil {
		t.Fatal(err)
	}
	if output, err := exec.Command("systemd-sysusers", "--root="+root, file).CombinedOutput(); err != nil {
		t.Fatalf("systemd-sysusers: %v\n%s", err, output)
	}
	user, _, _ := strings.Cut(setting(t, "User="), " ")
	if passwd := string(read(t, filepath.Join(root, "etc/passwd"))); !strings.HasPrefix(passwd, user+":") {
		t.Errorf("systemd-sysusers should make the user %s: %s", user, passwd)
	}
}

// TestUnitMemory holds the unit to the memory that docs/reliability.md finds to be enough, as the other deployments are.
func TestUnitMemory(t *testing.T) {
	number, _ := strings.CutSuffix(setting(t, "MemoryMax="), "M")
	pods := map[string]*corev1.PodSpec{
		"the chart":      &deployment(t, decode(t, render(t, ""))).Spec.Template.Spec,
		"the static pod": &staticPod(t).Spec,
	}
	for name, pod := range pods {
		if limit := pod.Containers[0].Resources.Limits.Memory(); limit.String() != number+"Mi" {
			t.Errorf("%s sets %s, and the unit %sM", name, limit, number)
		}
	}
	if page := string(read(t, "../docs/reliability.md")); !strings.Contains(page, number+" MiB") {
		t.Errorf("docs/reliability.md does not name the limit of %s MiB", number)
	}
}

// execStart is the program and the options that the unit starts.
func execStart(t *testing.T) []string {
	t.Helper()
	var options []string
	for _, word := range strings.Fields(setting(t, "ExecStart=")) {
		// An option and its value are two words here, and one in a manifest.
		if last := len(options) - 1; last > 0 && !strings.HasPrefix(word, "--") {
			options[last] += "=" + word
		} else {
			options = append(options, word)
		}
	}
	return options
}

// setting is the value of a setting that the unit has once.
func setting(t *testing.T, name string) string {
	t.Helper()
	_, after, found := strings.Cut(string(read(t, unit)), "\n"+name)
	value, _, _ := strings.Cut(after, "\n")
	if !found {
		t.Fatalf("%s has no %s", unit, name)
	}
	return value
}
