package webhook

import (
	"io"
	"net/http"
	"regexp"
	"strconv"
	"testing"
)

var (
	metricsAddress = regexp.MustCompile(`probes and metrics are at (http://\S+)`)
	reviews        = regexp.MustCompile(`(?m)^imagereview_reviews_total\{.*\} (\d+)$`)
)

// Reviews is how many reviews the process has answered, as its metrics tell.
func (w *Webhook) Reviews(t testing.TB) int {
	t.Helper()
	address := metricsAddress.FindStringSubmatch(w.log.String())
	if address == nil {
		t.Fatal("imagereview-http didn't say where its metrics are")
	}
	response, err := http.Get(address[1] + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, outcome := range reviews.FindAllSubmatch(text, -1) {
		count, err := strconv.Atoi(string(outcome[1]))
		if err != nil {
			t.Fatal(err)
		}
		sum += count
	}
	return sum
}
