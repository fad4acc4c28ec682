package webhook

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Files is the folder that `imagereview init` wrote.
type Files string

// Init runs `imagereview init` for a webhook at this address (host and port), with further options as given. The API
// server runs on this machine, so the folder is also the one that it mounts.
func Init(t testing.TB, address string, options ...string) Files {
	t.Helper()
	folder := t.TempDir()
	arguments := append([]string{
		"init",
		"--server", "https://" + address + "/image_policy",
		"--out", folder,
		"--mount-path", folder,
	}, options...)
	if output, err := exec.Command(Binary(t, "imagereview"), arguments...).CombinedOutput(); err != nil {
		t.Fatalf("imagereview %q: %v\n%s", arguments, err, output)
	}
	return Files(folder)
}

// File is the path of one of the files.
func (f Files) File(name string) string { return filepath.Join(string(f), name) }

// AdmissionConfiguration is the file that kube-apiserver is told about by --admission-control-config-file.
func (f Files) AdmissionConfiguration() string { return f.File("admission_configuration.yaml") }
