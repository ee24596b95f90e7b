package jobsy_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/nex-gen-tech/jobsy"

// layout says which packages of this module each package may import, besides
// the standard library; "." is the root. What is for tests, brokertest and all
// of internal, stands on no right-hand side: only test files may import it.
var layout = map[string][]string{
	"task":              {},
	"lua":               {},
	"broker":            {"task"},
	"broker/record":     {"task"},
	"storage":           {"task"},
	"scheduler":         {"task", "broker"},
	"broker/brokertest": {"task", "broker", "broker/record", "storage"},
	"broker/memory":     {"task", "broker", "broker/record", "storage"},
	"broker/redis":      {"task", "broker", "broker/record", "lua"},
	".":                 {"task", "broker", "scheduler", "storage", "broker/memory", "internal/engine"},
	"internal/engine":   {"task", "broker"},
	"admin":             {".", "task", "broker", "scheduler"},
	"dashboard":         {".", "admin", "task", "broker"},
	"jobsytest":         {".", "task", "broker", "broker/memory"},
	"internal/history":  {"task", "broker"},
	"internal/tasktest": {"task"},
	"internal/...":      {},
}

// thirdParty says who may import the modules of others. Nobody may import any
// that is not named here.
var thirdParty = map[string][]string{
	"github.com/google/uuid":       {"..."},
	"github.com/redis/go-redis/v9": {"broker/redis", "internal/..."},
	"github.com/robfig/cron/v3":    {"scheduler"},
}

func TestLayout(t *testing.T) {
	t.Parallel()
	imports := importsOf(t, ".")
	if len(imports["task"]) == 0 || len(imports["broker"]) == 0 {
		t.Fatalf("packages task and broker are not found: %v", slices.Sorted(maps.Keys(imports)))
	}
	for _, fault := range faults(imports) {
		t.Error(fault)
	}
}

func TestLayoutFindsFaults(t *testing.T) {
	t.Parallel()
	for want, imports := range map[string]map[string][]string{
		"":                                       {".": {module + "/task", "fmt", "net/http"}, "task": {"github.com/google/uuid"}},
		"task imports broker":                    {"task": {module + "/broker"}},
		". imports broker/redis":                 {".": {module + "/broker/redis"}},
		"broker/memory imports .":                {"broker/memory": {module}},
		". imports internal/x":                   {".": {module + "/internal/x"}},
		"internal/x imports task":                {"internal/x": {module + "/task"}},
		"broker imports broker/brokertest":       {"broker": {module + "/broker/brokertest"}},
		"helpers is not in the layout":           {"helpers": nil},
		"task imports github.com/redis/go-redis": {"task": {"github.com/redis/go-redis/v9"}},
		"broker/redis imports example.org/other": {"broker/redis": {"github.com/redis/go-redis/v9", "example.org/other"}},
		". reaches broker/redis":                 {".": {module + "/scheduler"}, "scheduler": {module + "/broker/redis"}},
		". reaches github.com/redis/go-redis":    {".": {module + "/broker"}, "broker": {"github.com/redis/go-redis/v9/internal"}},
	} {
		found := strings.Join(faults(imports), "\n")
		if !strings.Contains(found, want) || want == "" && found != "" {
			t.Errorf("found %q, want %q", found, want)
		}
	}
}

// faults returns what the imports of the packages have that the layout has not.
func faults(imports map[string][]string) (found []string) {
	for _, pkg := range slices.Sorted(maps.Keys(imports)) {
		allowed, known := row(pkg)
		if !known {
			found = append(found, pkg+" is not in the layout")
			continue
		}
		for _, imported := range imports[pkg] {
			name, own := relative(imported)
			if own && !slices.Contains(allowed, name) || !own && !mayImport(pkg, imported) {
				found = append(found, fmt.Sprintf("%s imports %s", pkg, name))
			}
		}
	}
	for _, imported := range reach(imports, ".") {
		name, _ := relative(imported)
		if name == "broker/redis" || strings.HasPrefix(name, "github.com/redis/go-redis") {
			found = append(found, ". reaches "+name)
		}
	}
	return found
}

func row(pkg string) (allowed []string, known bool) {
	if allowed, known = layout[pkg]; known {
		return allowed, true
	}
	for pattern, allowed := range layout {
		if matches(pattern, pkg) {
			return allowed, true
		}
	}
	return nil, false
}

// matches reports whether a package is a pattern, or under one that ends in
// "...".
func matches(pattern, pkg string) bool {
	prefix, wild := strings.CutSuffix(pattern, "...")
	return pattern == pkg || wild && strings.HasPrefix(pkg, prefix)
}

func mayImport(pkg, imported string) bool {
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library
	}
	for other, importers := range thirdParty {
		if imported == other || strings.HasPrefix(imported, other+"/") {
			return slices.ContainsFunc(importers, func(pattern string) bool { return matches(pattern, pkg) })
		}
	}
	return false
}

// relative returns how the layout names an imported package, and whether it is
// of this module.
func relative(imported string) (name string, own bool) {
	if imported == module {
		return ".", true
	}
	return strings.CutPrefix(imported, module+"/")
}

// reach returns all that a package imports, directly or not.
func reach(imports map[string][]string, pkg string) []string {
	seen, next := make(map[string]bool), imports[pkg]
	for len(next) > 0 {
		imported := next[0]
		next = next[1:]
		if seen[imported] {
			continue
		}
		seen[imported] = true
		if name, own := relative(imported); own {
			next = slices.Concat(next, imports[name])
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// importsOf returns what the non-test files of each package of the module at
// root import. Modules within it are left out.
func importsOf(t *testing.T, root string) map[string][]string {
	t.Helper()
	imports := make(map[string][]string)
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && file != root && foreign(file):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go"):
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(file))
		found := imports[pkg]
		for _, spec := range source.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value) // it has been parsed
			found = append(found, imported)
		}
		imports[pkg] = found
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

// foreign reports whether the go command sees no package of this module there.
func foreign(dir string) bool {
	name := filepath.Base(dir)
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil || name == "testdata" || name[0] == '.' || name[0] == '_'
}
