package compiled

import (
	"bufio"
	"encoding/json"
	"io"
	"os/exec"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	authentication "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/imagereview/imagereview/e2e/webhook"
)

var converter = runtime.DefaultUnstructuredConverter

// Program is a running `imagereview respond`, which decides requests by a policy as the webhook does.
type Program struct {
	t        testing.TB
	requests *json.Encoder
	flush    func() error
	answers  *json.Decoder
}

// Respond starts the program with policy files. It ends with the test.
func Respond(t testing.TB, files ...string) *Program {
	t.Helper()
	arguments := []string{"respond"}
	for _, file := range files {
		arguments = append(arguments, "--policy", file)
	}
	command := exec.Command(webhook.Binary(t, "imagereview"), arguments...)
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var problems strings.Builder
	command.Stderr = &problems
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		input.Close()
		io.Copy(io.Discard, output)
		command.Wait()
		if problems.Len() > 0 {
			t.Logf("imagereview respond wrote:\n%s", &problems)
		}
	})
	writer := bufio.NewWriterSize(input, 1<<20)
	encoder := json.NewEncoder(writer)
	encoder.SetEscapeHTML(false)
	return &Program{t: t, requests: encoder, flush: writer.Flush, answers: json.NewDecoder(bufio.NewReaderSize(output, 1<<20))}
}

// Decide gives the program's verdicts on requests, in their order.
func (p *Program) Decide(requests []*Request) []Verdict {
	p.t.Helper()
	written := make(chan error, 1)
	go func() {
		for _, request := range requests {
			if err := p.requests.Encode(review(request)); err != nil {
				written <- err
				return
			}
		}
		written <- p.flush()
	}()
	verdicts := make([]Verdict, 0, len(requests))
	for range requests {
		var answer admissionv1.AdmissionReview
		if err := p.answers.Decode(&answer); err != nil {
			p.t.Fatal(err)
		}
		verdict := Verdict{Allowed: answer.Response.Allowed, Annotations: answer.Response.AuditAnnotations}
		if status := answer.Response.Result; status != nil {
			verdict.Messages = append(verdict.Messages, status.Message)
		}
		verdict.Messages = append(verdict.Messages, answer.Response.Warnings...)
		if verdict.Annotations == nil {
			verdict.Annotations = map[string]string{}
		}
		verdicts = append(verdicts, verdict)
	}
	if err := <-written; err != nil {
		p.t.Fatal(err)
	}
	return verdicts
}

// review is the request as the API server sends it to a webhook.
func review(request *Request) *admissionv1.AdmissionReview {
	kind := metav1.GroupVersionKind(request.Kind)
	resource := metav1.GroupVersionResource(request.Kind.GroupVersion().WithResource(request.Resource))
	review := &admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"},
		Request: &admissionv1.AdmissionRequest{
			UID: "1", Kind: kind, Resource: resource, SubResource: request.SubResource,
			Name: request.Object.GetName(), Namespace: request.Namespace, Operation: admissionv1.Operation(request.Operation),
			UserInfo: authentication.UserInfo{Username: request.User.Name, Groups: request.User.Groups},
			Object:   runtime.RawExtension{Object: request.Object},
		},
	}
	if request.Old != nil {
		review.Request.OldObject = runtime.RawExtension{Object: request.Old}
	}
	return review
}
