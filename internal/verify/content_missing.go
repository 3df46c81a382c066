package verify

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

// added returns the path of the first field that whole has and said has not, or "". Values need
// no look: where one differed, unification has failed.
func added(whole, said any, path string) string {
	switch whole := whole.(type) {
	case map[string]any:
		object, _ := said.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(whole)) {
			inner := strings.TrimPrefix(path+"."+cue.Str(name).String(), ".")
			part, ok := object[name]
			if !ok {
				return inner
			}
			if found := added(whole[name], part, inner); found != "" {
				return found
			}
		}
	case []any:
		list, _ := said.([]any)
		for i, value := range whole {
			inner := fmt.Sprintf("%s[%d]", path, i)
			if i >= len(list) {
				return inner
			}
			if found := added(value, list[i], inner); found != "" {
				return found
			}
		}
	}
	return ""
}

// disagreement tells in one line what CUE has against the statement. Of a field that is
// not there it would say that the value is incomplete.
func disagreement(err error, said any) error {
	var lines []string
	for _, e := range cueerrors.Errors(err) {
		if path := e.Path(); len(path) > 0 && !there(said, path) {
			return missing(strings.Join(path, "."))
		}
		lines = append(lines, e.Error())
	}
	return errors.New(strings.ReplaceAll(strings.Join(lines, "; "), ":; ", ": "))
}

func missing(path string) error { return fmt.Errorf("%s: is missing", path) }

// there reports whether the statement has the path. One of the constraint's own (hidden
// fields, definitions) is taken for being there.
func there(said any, path []string) bool {
	for _, label := range path {
		name, err := strconv.Unquote(label)
		if err != nil {
			name = label
		}
		if name == label && strings.IndexAny(label, "_#") == 0 {
			return true
		}
		switch part := said.(type) {
		case map[string]any:
			value, ok := part[name]
			if !ok {
				return false
			}
			said = value
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i >= len(part) {
				return false
			}
			said = part[i]
		default:
			return true // a conflict: it is something else
		}
	}
	return true
}
