// Package webhook runs imagereview as its users do: the files that `imagereview init` writes, and the
// `imagereview-http` program.
package webhook

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Binary gives the path of one of the project's programs, which e2e/run builds before the tests.
func Binary(t testing.TB, name string) string {
	t.Helper()
	folder := os.Getenv("IMAGEREVIEW_BIN")
	if folder == "" {
		t.Fatal("IMAGEREVIEW_BIN doesn't say where the programs under test are: start the tests with e2e/run")
	}
	return filepath.Join(folder, name)
}

// Webhook is a running imagereview-http.
type Webhook struct {
	command *exec.Cmd
	ended   chan struct{} // closed when the process is gone
	log     *log
}

// Start runs imagereview-http at this address with the certificates of `imagereview init` and further options, and
// returns when it listens. It answers only clients with a certificate of that authority. It is killed when the test
// ends, and its log is shown if the test failed.
func Start(t testing.TB, address string, files Files, options ...string) *Webhook {
	t.Helper()
	return StartForAnyone(t, address, files, append([]string{"--client-ca", files.File("ca.crt")}, options...)...)
}

// StartForAnyone is Start, but it answers clients without a certificate too.
func StartForAnyone(t testing.TB, address string, files Files, options ...string) *Webhook {
	t.Helper()
	return StartInPod(t, address, files, "", options...)
}

// StartInPod is StartForAnyone with the variables that say to a pod where its API server is (host and port).
func StartInPod(t testing.TB, address string, files Files, apiServer string, options ...string) *Webhook {
	t.Helper()
	arguments := append([]string{
		"--listen", address,
		"--tls-cert", files.File("server.crt"),
		"--tls-key", files.File("server.key"),
		"--health-listen", "127.0.0.1:0",
	}, options...)
	webhook := &Webhook{
		command: exec.Command(Binary(t, "imagereview-http"), arguments...),
		ended:   make(chan struct{}),
		log:     &log{listening: make(chan struct{})},
	}
	if host, port, err := net.SplitHostPort(apiServer); err == nil {
		webhook.command.Env = append(os.Environ(), "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+port)
	}
	output, err := webhook.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := webhook.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(webhook.ended)
		for lines := bufio.NewReader(output); ; {
			line, err := lines.ReadString('\n')
			webhook.log.add(line)
			if err != nil {
				break // the process is gone
			}
		}
		webhook.command.Wait()
	}()
	t.Cleanup(func() {
		webhook.Kill()
		if t.Failed() {
			t.Logf("imagereview-http %q wrote:\n%s", options, webhook.log)
		}
	})
	select {
	case <-webhook.log.listening:
	case <-webhook.ended:
		t.Fatalf("imagereview-http %q ended at once:\n%s", arguments, webhook.log)
	}
	return webhook
}

// AwaitLog waits until the process has written a line with this text.
func (w *Webhook) AwaitLog(t testing.TB, text string) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		return strings.Contains(w.log.String(), text), nil
	})
	if err != nil {
		t.Fatalf("imagereview-http didn't write %q: %v", text, err)
	}
}

// Kill ends the process as a crash does: nothing is finished, nothing is said.
func (w *Webhook) Kill() {
	w.command.Process.Kill()
	<-w.ended
}

// Stop ends the process as Kubernetes does, with SIGTERM, and waits until it is gone.
func (w *Webhook) Stop() {
	w.command.Process.Signal(syscall.SIGTERM)
	<-w.ended
}

// log is what the process wrote to standard error.
type log struct {
	mutex     sync.Mutex
	lines     strings.Builder
	first     sync.Once
	listening chan struct{} // closed when the process first says that it listens
}

func (l *log) add(line string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.lines.WriteString(line)
	if strings.Contains(line, "listening on https://") {
		l.first.Do(func() { close(l.listening) })
	}
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.lines.String()
}

// Memory is how much memory the process has in use now, in bytes.
func (w *Webhook) Memory(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		t.Fatal(err)
	}
	return kilobytes * 1024
}
