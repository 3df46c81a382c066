package constraint

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	cueerrors "cuelang.org/go/cue/errors"
)

// firstAdded returns the path of the first field of unified that the statement lacks, or
// "". It compares no values: where one differs, unification has failed.
func firstAdded(unified, statement any, path string) string {
	switch unified := unified.(type) {
	case map[string]any:
		object, _ := statement.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(unified)) {
			inner := strings.TrimPrefix(path+"."+cue.Str(name).String(), ".")
			value, ok := object[name]
			if !ok {
				return inner
			}
			if added := firstAdded(unified[name], value, inner); added != "" {
				return added
			}
		}
	case []any:
		list, _ := statement.([]any)
		for i, value := range unified {
			inner := fmt.Sprintf("%s[%d]", path, i)
			if i >= len(list) {
				return inner
			}
			if added := firstAdded(value, list[i], inner); added != "" {
				return added
			}
		}
	}
	return ""
}

// conflict writes the errors of unification in one line. CUE reports a missing field as an
// incomplete value.
func conflict(err error, statement any) error {
	var lines []string
	for _, e := range cueerrors.Errors(err) {
		if path := e.Path(); len(path) > 0 && !hasPath(statement, path) {
			return missing(strings.Join(path, "."))
		}
		lines = append(lines, e.Error())
	}
	return errors.New(strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": "))
}

func missing(path string) error { return fmt.Errorf("%s: missing", path) }

// hasPath reports whether the statement has a value at the path. Paths that only a
// constraint can have (hidden fields, definitions) count as present.
func hasPath(statement any, path []string) bool {
	for _, label := range path {
		name, err := strconv.Unquote(label)
		if err != nil {
			name = label
		}
		if name == label && strings.IndexAny(label, "_#") == 0 {
			return true
		}
		switch value := statement.(type) {
		case map[string]any:
			member, ok := value[name]
			if !ok {
				return false
			}
			statement = member
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(value) {
				return false
			}
			statement = value[i]
		default:
			return true // a scalar in the place of a struct: a conflict
		}
	}
	return true
}
