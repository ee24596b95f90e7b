package jobsytest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/nex-gen-tech/jobsy/task"
)

// travelled returns the arguments of a task as a handler gets them, as a tree of
// JSON.
func travelled[Args any](k task.Kind[Args], t *task.Task) (any, error) {
	args, err := k.Args(t)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(args)
	if err != nil {
		return nil, fmt.Errorf("encode arguments of %s: %w", k.Name, err)
	}
	var tree any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // a float64 would make two large numbers one
	err = decoder.Decode(&tree)
	return tree, err
}

// differences returns a line for each place in which two trees differ.
func differences(path string, got, want any) []string {
	if empty(got) && empty(want) {
		return nil
	}
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			return differentFields(path, got, want)
		}
	case []any:
		if got, ok := got.([]any); ok {
			return differentElements(path, got, want)
		}
	default:
		if got == want { // neither is a map or a slice: equal types, comparable
			return nil
		}
	}
	if path == "" {
		path = "all"
	}
	return []string{fmt.Sprintf("%s: got %s, want %s", path, shown(got), shown(want))}
}

// empty reports whether a value stands for nothing.
func empty(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(value) == 0
	case []any:
		return len(value) == 0
	}
	return false
}

func differentFields(path string, got, want map[string]any) (lines []string) {
	names := maps.Clone(got)
	maps.Copy(names, want)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		lines = append(lines, differences(path+"."+name, got[name], want[name])...)
	}
	return lines
}

func differentElements(path string, got, want []any) (lines []string) {
	if len(got) != len(want) {
		lines = append(lines, fmt.Sprintf("%s: got %d elements, want %d", path, len(got), len(want)))
	}
	for i := range min(len(got), len(want)) {
		lines = append(lines, differences(path+"["+strconv.Itoa(i)+"]", got[i], want[i])...)
	}
	return lines
}

func shown(value any) string {
	if value == nil {
		return "nothing"
	}
	text, _ := json.Marshal(value) // it was decoded from JSON
	return string(text)
}
