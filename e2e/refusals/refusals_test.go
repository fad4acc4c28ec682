// Package refusals sends requests that the webhook refuses before it has read their bodies, with the client that
// kube-apiserver is made of.
package refusals

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/imagereview/imagereview/e2e/webhook"
)

var times = flag.Int("times", 200, "how often each request is sent")

// TestEarlyRefusals expects a response to each, over HTTP/2: a client that is still sending when its stream is reset may
// never see the response (RFC 9113, section 8.1).
func TestEarlyRefusals(t *testing.T) {
	const limit = 100_000
	body := bytes.Repeat([]byte(" "), 2*limit)
	start := func(options ...string) (string, *http.Client) {
		address := webhook.Port(t)
		files := webhook.Init(t, address)
		webhook.StartForAnyone(t, address, files, options...)
		authority, err := os.ReadFile(files.File("ca.crt"))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority)
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots}}
		t.Cleanup(transport.CloseIdleConnections)
		return "https://" + address, &http.Client{Transport: transport}
	}
	whole, client := start()
	short, shortClient := start("--max-body-bytes=100000")
	full, fullClient := start("--max-requests=1", "--audit-log="+standingLog(t), "--audit-when-full=block", "--audit-queue=1", "--answer-timeout=10m")
	occupy(t, fullClient, full+"/image_policy")

	for _, row := range []struct {
		name, method, url, mediaType string
		client                       *http.Client
		isChunked                    bool
		status                       int
	}{
		{"path", "POST", whole + "/elsewhere", "application/json", client, false, 404},
		{"method", "PUT", whole + "/validate", "application/json", client, false, 405},
		{"media type", "POST", whole + "/validate", "text/plain", client, false, 415},
		{"length", "POST", short + "/image_policy", "application/json", shortClient, false, 413},
		{"length, not announced", "POST", short + "/image_policy", "application/json", shortClient, true, 413},
		{"too many", "POST", full + "/image_policy", "application/json", fullClient, false, 429},
		{"too many, length not announced", "POST", full + "/image_policy", "application/json", fullClient, true, 429},
	} {
		t.Run(row.name, func(t *testing.T) {
			answered := 0
			for range *times {
				var sent io.Reader = bytes.NewReader(body)
				if row.isChunked {
					// net/http doesn't know how long it is.
					sent = io.MultiReader(sent)
				}
				request, err := http.NewRequestWithContext(t.Context(), row.method, row.url, sent)
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Content-Type", row.mediaType)
				response, err := row.client.Do(request)
				if err != nil {
					t.Error(err)
					continue
				}
				message, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != row.status || response.ProtoMajor != 2 {
					t.Errorf("should be %d over HTTP/2: %s %s, %q, %v", row.status, response.Proto, response.Status, message, err)
					continue
				}
				answered++
			}
			t.Logf("%d of %d answered %d", answered, *times, row.status)
		})
	}
}

// standingLog gives the path of a pipe that is open and never read.
func standingLog(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "audit")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pipe.Close() })
	return path
}

// occupy sends reviews until one waits for the audit log, which is the only one that may be in flight.
func occupy(t *testing.T, client *http.Client, url string) {
	const review = `{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":"nginx:1"}]}}`
	post := func() (int, error) {
		request, err := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader(review))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		if err != nil {
			return 0, err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body)
		return response.StatusCode, err
	}
	statuses, enough := make(chan int), make(chan struct{})
	defer close(enough)
	for range 2 {
		go func() {
			for {
				// The one that waits ends with the test.
				status, err := post()
				if err != nil {
					return
				}
				select {
				case statuses <- status:
				case <-enough:
					return
				}
			}
		}()
	}
	for refused := 0; refused < 100; {
		if <-statuses == http.StatusTooManyRequests {
			refused++
		} else {
			refused = 0
		}
	}
}
