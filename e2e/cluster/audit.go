package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// AuditEvent waits until the audit log tells of a request about a pod, and gives the first such event.
func (s *APIServer) AuditEvent(t testing.TB, verb, pod string) auditv1.Event {
	t.Helper()
	var found auditv1.Event
	// The event is written after the answer, so a client may come here first.
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		file, err := os.Open(s.AuditLog)
		if err != nil {
			return false, err
		}
		defer file.Close()
		for events := bufio.NewReader(file); ; {
			line, err := events.ReadBytes('\n')
			if err != nil {
				return false, nil // no more, or half a line: look again
			}
			var event auditv1.Event
			if err := json.Unmarshal(line, &event); err != nil {
				return false, err
			}
			if event.Verb == verb && event.ObjectRef.Name == pod {
				found = event
				return true, nil
			}
		}
	})
	if err != nil {
		t.Fatalf("no event of %s %s in the audit log: %v", verb, pod, err)
	}
	return found
}
