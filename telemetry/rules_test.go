package telemetry_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"go.yaml.in/yaml/v3"

	"github.com/nex-gen-tech/jobsy/telemetry"
)

// exported returns every name that can be queried, with its labels.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	b := newMemory(t)
	enqueue(t, b, "default")
	families, err := registered(telemetry.NewCollector(b, nil), worked(t)).Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string][]string)
	for _, family := range families {
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, label.GetName())
		}
		if family.GetType() != dto.MetricType_HISTOGRAM {
			names[family.GetName()] = labels
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			names[family.GetName()+part] = append(labels, "le")
		}
	}
	return names
}

var (
	queried = regexp.MustCompile(`jobsy_[a-z_]+(\{([^}"]|"[^"]*")*\})?`)
	matcher = regexp.MustCompile(`([a-z]+) *(=~|!~|!=|=)`)
)

// check checks that an expression queries what is exported, by labels that it
// has, and notes what it queries.
func check(t *testing.T, expr string, known map[string][]string, seen map[string]bool) {
	t.Helper()
	found := queried.FindAllString(expr, -1)
	if len(found) == 0 {
		t.Errorf("%q queries nothing of Jobsy", expr)
	}
	for _, selector := range found {
		name, matchers, _ := strings.Cut(selector, "{")
		labels, ok := known[name]
		if !ok {
			t.Errorf("%q queries %s, which is not exported", expr, name)
		}
		for _, one := range matcher.FindAllStringSubmatch(matchers, -1) {
			if !slices.Contains(labels, one[1]) {
				t.Errorf("%q asks for label %s of %s, which has %v", expr, one[1], name, labels)
			}
		}
		seen[name] = true
	}
	for open, shut := range map[string]string{"(": ")", "{": "}", "[": "]"} {
		if strings.Count(expr, open) != strings.Count(expr, shut) {
			t.Errorf("%q has unequal numbers of %s and %s", expr, open, shut)
		}
	}
}

func read(t *testing.T, file string, decode func([]byte, any) error, into any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(text, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestTheDashboardQueriesWhatIsExported(t *testing.T) {
	t.Parallel()
	var dashboard struct {
		Title, UID string
		Templating struct {
			List []struct{ Definition string }
		}
		Panels []struct {
			ID      int
			Type    string
			Title   string
			Targets []struct{ Expr string }
		}
	}
	read(t, "grafana/jobsy.json", json.Unmarshal, &dashboard)
	known, seen, ids := exported(t), make(map[string]bool), make(map[int]bool)
	for _, panel := range dashboard.Panels {
		if ids[panel.ID] || panel.Title == "" || panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("panel %d has its number twice, no title, or queries nothing", panel.ID)
		}
		ids[panel.ID] = true
		for _, target := range panel.Targets {
			check(t, target.Expr, known, seen)
		}
	}
	for _, variable := range dashboard.Templating.List {
		if variable.Definition != "" {
			check(t, variable.Definition, known, seen)
		}
	}
	for name := range maps.Keys(known) {
		if !seen[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

func TestTheAlertsQueryWhatIsExported(t *testing.T) {
	t.Parallel()
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	read(t, "alerts.yml", yaml.Unmarshal, &file)
	known, names := exported(t), make(map[string]bool)
	for _, group := range file.Groups {
		for _, rule := range group.Rules {
			check(t, rule.Expr, known, make(map[string]bool))
			if names[rule.Alert] || rule.Labels["severity"] == "" || rule.Annotations["summary"] == "" {
				t.Errorf("alert %q has its name twice, no severity, or no summary", rule.Alert)
			}
			names[rule.Alert] = true
		}
	}
	if len(names) == 0 {
		t.Error("there are no alerts")
	}
}
