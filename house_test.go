package jobsy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A reader meets no file of these packages twice: what a file uses stands below
// it.
func TestFilesFormNoCircle(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "internal/engine"} {
		h := houseOf(t, dir)
		if circle := h.circle(); len(circle) > 0 {
			t.Errorf("files of %s use each other: %v", dir, circle)
		}
	}
}

func TestTheRootStaysSmall(t *testing.T) {
	t.Parallel()
	h := houseOf(t, ".")
	for what, c := range map[string]struct{ is, most int }{
		"files":               {len(h.files), 14},
		"exported types":      {h.exportedTypes, 14},
		"methods of Client":   {h.methods["Client"], 10},
		"median of functions": {h.quantile(0.5), 9},
		"p90 of functions":    {h.quantile(0.9), 20},
		"longest function":    {h.quantile(1), 40},
	} {
		if c.is > c.most {
			t.Errorf("%s: %d, want at most %d", what, c.is, c.most)
		}
	}
}

// house is what the files of a package, but for its tests, have and use.
type house struct {
	files         map[string]*ast.File
	home          map[string]string // of package-level names: a file
	methods       map[string]int    // exported ones, by type
	exportedTypes int
	lines         []int // of functions, sorted
}

func houseOf(t *testing.T, dir string) *house {
	t.Helper()
	h := &house{files: make(map[string]*ast.File), home: make(map[string]string), methods: make(map[string]int)}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(names) == 0 {
		t.Fatalf("files of %s: %v, %v", dir, names, err)
	}
	positions := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		file, err := parser.ParseFile(positions, name, source, 0)
		if err != nil {
			t.Fatal(err)
		}
		h.files[name] = file
		for _, d := range file.Decls {
			h.add(name, d, positions)
		}
	}
	slices.Sort(h.lines)
	return h
}

func (h *house) add(file string, d ast.Decl, positions *token.FileSet) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		h.lines = append(h.lines, positions.Position(d.End()).Line-positions.Position(d.Pos()).Line+1)
		if d.Recv == nil {
			h.home[d.Name.Name] = file
		} else if pointer, ok := d.Recv.List[0].Type.(*ast.StarExpr); ok && d.Name.IsExported() {
			h.methods[pointer.X.(*ast.Ident).Name]++
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				h.home[spec.Name.Name] = file
				if spec.Name.IsExported() {
					h.exportedTypes++
				}
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					h.home[name.Name] = file
				}
			}
		}
	}
}

// uses returns the other files whose names a file uses.
func (h *house) uses(file string) map[string]bool {
	used := make(map[string]bool)
	for _, name := range h.files[file].Unresolved {
		if home := h.home[name.Name]; home != "" && home != file {
			used[home] = true
		}
	}
	return used
}

// circle returns the files that are left once all are taken away, again and again,
// that use none of those that are left.
func (h *house) circle() []string {
	left := maps.Clone(h.files)
	for n := len(left) + 1; n > len(left); {
		n = len(left)
		for file := range left {
			stands := true
			for used := range h.uses(file) {
				stands = stands && left[used] == nil
			}
			if stands {
				delete(left, file)
			}
		}
	}
	return slices.Sorted(maps.Keys(left))
}

func (h *house) quantile(q float64) int { return h.lines[int(q*float64(len(h.lines)-1))] }
