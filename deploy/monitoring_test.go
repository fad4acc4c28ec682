package deploy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

const (
	alerts    = "chart/alerts.yaml"
	tests     = "prometheus/alerts_test.yaml"
	dashboard = "grafana/imagereview.json"
	runbook   = "../docs/runbook.md"
)

// rules is as much of a Prometheus rule file as is needed here.
type rules struct {
	Groups []ruleGroup `json:"groups"`
}

type ruleGroup struct {
	Name  string `json:"name"`
	Rules []rule `json:"rules"`
}

type rule struct {
	Alert       string            `json:"alert,omitempty"`
	Record      string            `json:"record,omitempty"`
	Expr        string            `json:"expr"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// TestAlerts asks Prometheus whether the alerts fire when they should and only then, and holds the runbook to them.
func TestAlerts(t *testing.T) {
	promtool(t, "check", "rules", alerts)
	promtool(t, "test", "rules", tests)

	cases := string(read(t, tests))
	sections := regexp.MustCompile(`(?m)^## (\w+)$`).FindAllStringSubmatch(string(read(t, runbook)), -1)
	var described []string
	for _, section := range sections {
		described = append(described, section[1])
	}
	var named []string
	for _, rule := range alertRules(t) {
		named = append(named, rule.Alert)
		if !strings.Contains(cases, "\n- name: "+rule.Alert+"\n") || !strings.Contains(cases, "{alertname: "+rule.Alert+", ") {
			t.Errorf("%s should have a test in which %s fires, and be in the one in which nothing does", tests, rule.Alert)
		}
		if url := rule.Annotations["runbook_url"]; !strings.HasSuffix(url, "/docs/runbook.md#"+strings.ToLower(rule.Alert)) {
			t.Errorf("the runbook_url of %s is %s", rule.Alert, url)
		}
	}
	if !slices.Equal(described, named) {
		t.Errorf("the runbook's sections are\n%q, the alerts\n%q", described, named)
	}
}

func alertRules(t *testing.T) []rule {
	t.Helper()
	var file rules
	if err := yaml.Unmarshal(read(t, alerts), &file); err != nil {
		t.Fatal(err)
	}
	return file.Groups[0].Rules
}

// TestDashboard asks Prometheus whether it understands what the dashboard asks.
func TestDashboard(t *testing.T) {
	var questions []rule
	for _, expression := range dashboardExpressions(t) {
		questions = append(questions, rule{Record: "a:b", Expr: strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(expression)})
	}
	text, err := yaml.Marshal(rules{Groups: []ruleGroup{{Name: "dashboard", Rules: questions}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", "--lint=none", file)
}

func dashboardExpressions(t *testing.T) (expressions []string) {
	t.Helper()
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, dashboard), &board); err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		if len(panel.Targets) == 0 {
			t.Errorf("the panel %q asks nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			expressions = append(expressions, target.Expr)
		}
	}
	return expressions
}

// wantMetrics fails the test unless Prometheus can read what the webhook exposes, and each metric that the alerts and
// the dashboard ask for is there. Those of single registries are there once one was asked, and a test of the webhook looks
// for them.
func wantMetrics(t *testing.T, exposition string) {
	t.Helper()
	check := exec.Command("promtool", "check", "metrics")
	check.Stdin = strings.NewReader(exposition)
	if output, err := check.CombinedOutput(); err != nil {
		t.Errorf("promtool check metrics: %v\n%s", err, output)
	}
	text := strings.Join(dashboardExpressions(t), "\n")
	for _, rule := range alertRules(t) {
		text += "\n" + rule.Expr
	}
	names := regexp.MustCompile(`\bimagereview_\w+`).FindAllString(text, -1)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if strings.HasPrefix(name, "imagereview_registry_") {
			continue
		}
		if !strings.Contains(exposition, "# TYPE "+strings.TrimSuffix(name, "_bucket")+" ") {
			t.Errorf("the webhook has no metric %s", name)
		}
	}
}

func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := exec.Command("promtool", arguments...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
}
