package deploy

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// TestImage does by hand what an engine would do with the Dockerfile, and then runs what came of it: as the image's
// user, in a root folder that holds the image's files and what is mounted, with the options that each way of deploying
// gives it.
func TestImage(t *testing.T) {
	build, final := stages(t)
	programs := runBuild(t, build)
	image := assemble(t, final, programs)

	if final.BaseName != "scratch" {
		t.Errorf("the final stage should start from nothing, not from %s", final.BaseName)
	}
	if image.user == 0 {
		t.Errorf("the image should not run as root")
	}
	for _, path := range image.files(t) {
		wantStatic(t, filepath.Join(image.root, path))
	}
	if t.Failed() {
		return
	}

	deployment, pod := deployment(t, decode(t, render(t, "{tls: {mutual: true, revocationLists: revoked}, policies: {base.yaml: any}}"))), staticPod(t)
	for _, row := range []struct {
		name    string
		options []string
		// The files of `imagereview init`, and where they are mounted.
		mounted map[string]string
		// Where a policy document is mounted, if anywhere.
		policy string
	}{
		{"by hand", []string{"--tls-cert=/pki/server.crt", "--tls-key=/pki/server.key", "--client-ca=/pki/ca.crt"}, written("/pki"), ""},
		{"Deployment", deployment.Spec.Template.Spec.Containers[0].Args, map[string]string{
			"server.crt": "/etc/imagereview/tls/tls.crt", "server.key": "/etc/imagereview/tls/tls.key", "ca.crt": "/etc/imagereview/tls/ca.crt",
			"crl.pem": "/etc/imagereview/revoked/crl.pem",
		}, "/etc/imagereview/policy/base.yaml"},
		{"static pod", pod.Spec.Containers[0].Args, written("/etc/imagereview"), ""},
		{"systemd", execStart(t)[1:], written("/etc/imagereview"), ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			image := assemble(t, final, programs)
			outside := image.volume(t, "/init")
			image.run(t, "/usr/bin/imagereview", "init", "--server", "https://127.0.0.1", "--out", "/init")
			revokeNothing(t, outside)
			for file, path := range row.mounted {
				image.mount(t, read(t, filepath.Join(outside, file)), path)
			}
			if row.policy != "" {
				image.mount(t, []byte(document), row.policy)
			}
			image.run(t, append(append(image.entrypoint, row.options...), "--check-config")...)
			server := image.start(t, append(image.entrypoint, onLoopback(row.options)...)...)
			client := mutual(t, outside)
			for image, allowed := range map[string]bool{"nginx": false, "nginx:1.17.1": true} {
				if got := ask(t, client, server.url, image); got != allowed {
					t.Errorf("%s: allowed is %t", image, got)
				}
			}
			for _, path := range []string{"/livez", "/readyz"} {
				get(t, server.health+path)
			}
			if metrics := get(t, server.health+"/metrics"); row.policy != "" {
				wantMetrics(t, metrics) // one of them is of the policy
			}
			server.terminate(t)
		})
	}
}

// revokeNothing writes the revocation list crl.pem of the authority in a folder of `imagereview init`.
func revokeNothing(t *testing.T, folder string) {
	t.Helper()
	authority, err := tls.X509KeyPair(read(t, filepath.Join(folder, "ca.crt")), read(t, filepath.Join(folder, "ca.key")))
	if err != nil {
		t.Fatal(err)
	}
	list := x509.RevocationList{Number: big.NewInt(1), ThisUpdate: time.Now(), NextUpdate: time.Now().Add(time.Hour)}
	der, err := x509.CreateRevocationList(rand.Reader, &list, authority.Leaf, authority.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
	if err := os.WriteFile(filepath.Join(folder, "crl.pem"), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// document is a policy.
const document = `
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata:
  name: base
rules:
- name: no-latest
  tags:
    deny: [latest]
`

// written are the files that a webhook needs, under the names that `imagereview init` gives them, in a folder.
func written(folder string) map[string]string {
	files := map[string]string{}
	for _, name := range []string{"server.crt", "server.key", "ca.crt"} {
		files[name] = folder + "/" + name
	}
	return files
}

// onLoopback are the options with free ports of the loopback interface in place of their addresses.
func onLoopback(options []string) []string {
	changed := []string{"--listen=127.0.0.1:0", "--health-listen=127.0.0.1:0"}
	for _, option := range options {
		if name, _, _ := strings.Cut(option, "="); name != "--listen" && name != "--health-listen" {
			changed = append(changed, option)
		}
	}
	return changed
}

// stages reads the Dockerfile as the builder does: the stage that builds, and the one that is the image.
func stages(t *testing.T) (build, final instructions.Stage) {
	t.Helper()
	file, err := os.Open("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := parser.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, warning := range parsed.Warnings {
		t.Errorf("Dockerfile: %s", warning.Short)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[0].Name != "build" {
		t.Fatalf("the Dockerfile should have a stage \"build\" and a final one, not %d stages", len(stages))
	}
	return stages[0], stages[1]
}

// runBuild runs the command of the build stage in a folder that holds what .dockerignore lets through, and gives the
// folder that stands for /programs.
func runBuild(t *testing.T, build instructions.Stage) (programs string) {
	t.Helper()
	var run []string
	for _, command := range build.Commands {
		if command, ok := command.(*instructions.RunCommand); ok {
			run = append(run, command.CmdLine...)
		}
	}
	if !slices.Equal(run, []string{"deploy/static /programs"}) {
		t.Fatalf("the build stage should run deploy/static alone, not %q", run)
	}
	target := os.Getenv("CARGO_TARGET_DIR")
	if target == "" {
		target = "../target"
	}
	target, err := filepath.Abs(target)
	if err != nil {
		t.Fatal(err)
	}
	// Always the same place, so that Cargo finds what it built before.
	source := filepath.Join(target, "image", "source")
	copyContext(t, source)
	programs = t.TempDir()
	command := exec.Command("deploy/static", programs)
	command.Dir = source
	command.Env = append(os.Environ(), "CARGO_TARGET_DIR="+target)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("deploy/static: %v\n%s", err, output)
	}
	return programs
}

// copyContext copies what .dockerignore lets through, with its times, so that Cargo sees what changed and what didn't.
func copyContext(t *testing.T, to string) {
	t.Helper()
	file, err := os.Open("../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	patterns, err := ignorefile.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(to); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel("..", path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			// These can be big, and no pattern brings anything in them back.
			if name == ".git" || entry.Name() == "target" {
				return fs.SkipDir
			}
			return nil
		}
		if skip, err := ignored.MatchesOrParentMatches(name); skip || err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		contents, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		copied := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(copied), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(copied, contents, info.Mode()); err != nil {
			return err
		}
		return os.Chtimes(copied, info.ModTime(), info.ModTime())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// image is the final stage: its files below root, and how it is run.
type image struct {
	root        string
	environment []string
	entrypoint  []string
	user        int
	group       int
}

// assemble follows the instructions of the final stage. One that it doesn't know fails the test.
func assemble(t *testing.T, stage instructions.Stage, programs string) *image {
	t.Helper()
	image := &image{root: t.TempDir()}
	if err := os.Chmod(image.root, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, command := range stage.Commands {
		switch command := command.(type) {
		case *instructions.CopyCommand:
			for _, source := range command.SourcePaths {
				name, found := strings.CutPrefix(source, "/programs/")
				if command.From != "build" || !found {
					t.Fatalf("the final stage should copy from the build's /programs, not %s from %q", source, command.From)
				}
				contents, err := os.ReadFile(filepath.Join(programs, name))
				if err != nil {
					t.Fatal(err)
				}
				to := filepath.Join(image.root, command.DestPath, name)
				if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, contents, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		case *instructions.EnvCommand:
			for _, pair := range command.Env {
				image.environment = append(image.environment, pair.Key+"="+pair.Value)
			}
		case *instructions.UserCommand:
			if _, err := fmt.Sscanf(command.User, "%d:%d", &image.user, &image.group); err != nil {
				t.Fatalf("USER should be two numbers, not %s", command.User)
			}
		case *instructions.EntrypointCommand:
			image.entrypoint = command.CmdLine
		case *instructions.ExposeCommand, *instructions.LabelCommand:
		default:
			t.Fatalf("this test doesn't know what %s does", command.Name())
		}
	}
	return image
}

// files are the paths of all files in the image.
func (i *image) files(t *testing.T) (paths []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(i.root), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// wantStatic fails the test unless the file is a program that needs no other file to run.
func wantStatic(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	if err != nil {
		t.Errorf("%s: %v", path, err)
		return
	}
	defer program.Close()
	for _, header := range program.Progs {
		if header.Type == elf.PT_INTERP {
			t.Errorf("%s asks for a dynamic loader", path)
		}
	}
	if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) > 0 {
		t.Errorf("%s needs the libraries %q (%v)", path, libraries, err)
	}
}

// volume makes a folder that the image's user may write to.
func (i *image) volume(t *testing.T, path string) (outside string) {
	t.Helper()
	outside = filepath.Join(i.root, path)
	if err := os.Mkdir(outside, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(outside, i.user, i.group); err != nil {
			t.Fatal(err)
		}
	}
	return outside
}

// mount puts a file where the image's user may only read it.
func (i *image) mount(t *testing.T, contents []byte, path string) {
	t.Helper()
	outside := filepath.Join(i.root, path)
	if err := os.MkdirAll(filepath.Dir(outside), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(outside, contents, 0o440); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(outside, 0, i.group); err != nil {
			t.Fatal(err)
		}
	}
}

// command is a command that sees the image's files alone, as the image's user, with the image's environment.
func (i *image) command(arguments ...string) *exec.Cmd {
	command := exec.Command(arguments[0], arguments[1:]...)
	command.Path, command.Err = arguments[0], nil // a path in the image, so there is nothing to look up here
	command.Dir = "/"
	command.Env = append([]string{}, i.environment...)
	command.SysProcAttr = &syscall.SysProcAttr{
		Chroot:     i.root,
		Credential: &syscall.Credential{Uid: uint32(i.user), Gid: uint32(i.group)},
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Getuid() != 0 {
		// Only root may do that, so be root in a namespace.
		command.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: i.user, HostID: os.Getuid(), Size: 1}}
		command.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: i.group, HostID: os.Getgid(), Size: 1}}
		command.SysProcAttr.Credential.NoSetGroups = true
	}
	return command
}

// run runs a command of the image to its end.
func (i *image) run(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := i.command(arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
}

// server is a webhook that runs in the image.
type server struct {
	url     string // where it is asked
	health  string // where its probes are
	command *exec.Cmd
	log     *bytes.Buffer
	ended   chan error
}

// address is what the log says of an address, as text or as JSON.
var address = regexp.MustCompile(`(listening on|metrics are at) (https?://[^"\s]+)`)

// start starts a webhook in the image and waits until it says where it listens.
func (i *image) start(t *testing.T, arguments ...string) *server {
	t.Helper()
	command := i.command(arguments...)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	server := &server{command: command, log: &bytes.Buffer{}, ended: make(chan error, 1)}
	lines := bufio.NewScanner(io.TeeReader(stderr, server.log))
	for server.url == "" && lines.Scan() {
		switch found := address.FindStringSubmatch(lines.Text()); {
		case found == nil:
		case found[1] == "listening on":
			server.url = found[2]
		default:
			server.health = found[2]
		}
	}
	go func() {
		for lines.Scan() {
		}
		server.ended <- command.Wait()
	}()
	t.Cleanup(func() { command.Process.Kill() })
	if server.url == "" {
		t.Fatalf("%s: %v\n%s", strings.Join(arguments, " "), <-server.ended, server.log)
	}
	return server
}

// terminate asks the server to end, as the kubelet does, and waits until it has.
func (s *server) terminate(t *testing.T) {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("after SIGTERM: %v\n%s", err, s.log)
	}
}

// get is the body of a successful answer.
func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("%s: status %d, %s (%v)", url, response.StatusCode, body, err)
	}
	return string(body)
}

// mutual is a client with the certificates that `imagereview init` wrote for an API server.
func mutual(t *testing.T, folder string) *http.Client {
	t.Helper()
	authority, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		t.Fatal("ca.crt holds no certificate")
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(folder, "apiserver-client.crt"), filepath.Join(folder, "apiserver-client.key"))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{own}},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask asks whether the image may run.
func ask(t *testing.T, client *http.Client, url, image string) (allowed bool) {
	t.Helper()
	question := `{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":` + strconv.Quote(image) + `}]}}`
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(question))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Status struct{ Allowed *bool } }
	if err := json.Unmarshal(body, &answer); err != nil || response.StatusCode != http.StatusOK || answer.Status.Allowed == nil {
		t.Fatalf("%s: status %d, %s (%v)", image, response.StatusCode, body, err)
	}
	return *answer.Status.Allowed
}
