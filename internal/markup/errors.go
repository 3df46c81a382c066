package markup

import (
	"errors"
	"reflect"
	"strings"
)

// ErrorLines returns an error as printable lines: one for each error that errors.Join has
// joined, at any depth, and for each of an error with a method Lines. Any other newline in
// the text is foreign, and is escaped as Printable does.
func ErrorLines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(errorText(err), "\n")
}

// joined is the type of what errors.Join returns.
var joined = reflect.TypeOf(errors.Join(errors.New("")))

// errorText escapes the text of an error, except for the text of the errors it wraps, which
// are escaped in the same way. They occur in it in their order.
func errorText(err error) string {
	if several, ok := err.(interface{ Lines() []string }); ok {
		return escapeLines(several.Lines())
	}
	rest, separator := err.Error(), ""
	children := unwrap(err)
	if reflect.TypeOf(err) == joined {
		separator = "\n"
	}
	var out strings.Builder
	for _, child := range children {
		text := child.Error()
		at := strings.Index(rest, text)
		if at < 0 || text == "" {
			continue
		}
		if gap := rest[:at]; gap != separator || separator == "" {
			out.WriteString(Printable(gap))
		} else {
			out.WriteString(gap)
		}
		out.WriteString(errorText(child))
		rest = rest[at+len(text):]
	}
	return out.String() + Printable(rest)
}

func escapeLines(lines []string) string {
	escaped := make([]string, len(lines))
	for i, line := range lines {
		escaped[i] = Printable(line)
	}
	return strings.Join(escaped, "\n")
}

// unwrap returns the errors that err wraps.
func unwrap(err error) []error {
	switch e := err.(type) { //nolint:errorlint // one step at a time
	case interface{ Unwrap() []error }:
		return e.Unwrap()
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return []error{inner}
		}
	}
	return nil
}
