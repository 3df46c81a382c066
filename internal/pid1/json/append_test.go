package json

import (
	"reflect"
	"testing"
)

// roundTrip checks that a value is the same after Append and Parse.
func roundTrip(t *testing.T, text []byte) {
	t.Helper()
	v, err := Parse(text)
	if err != nil {
		return
	}
	written := v.Append(nil)
	again, err := Parse(written)
	if err != nil && len(written) <= MaxBytes {
		t.Fatalf("%q became %q: %v", text, written, err)
	}
	if err == nil && !reflect.DeepEqual(tree(v), tree(again)) {
		t.Errorf("%q became %q", text, written)
	}
	if std, err := parseStandard(written); err != nil || !reflect.DeepEqual(std, tree(v)) {
		t.Errorf("encoding/json reads %v, %v from %q", std, err, written)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, text := range samples {
		roundTrip(t, []byte(text))
	}
}

func FuzzAppend(f *testing.F) {
	for _, text := range samples {
		f.Add([]byte(text))
	}
	f.Fuzz(roundTrip)
}

func TestWithReplacesTheLastMember(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                     `{"a":["x"]}`,
		`{"b":1,"a":2,"c":null}`: `{"b":1,"a":["x"],"c":null}`,
		`{"a":1,"a":2}`:          `{"a":1,"a":["x"]}`,
		`null`:                   `{"a":["x"]}`,
	} {
		v, err := Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(v.With("a", NewArray(NewString("x"))).Append(nil)); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if got := string(v.Append(nil)); text != "null" && got != text {
			t.Errorf("%s was changed to %s", text, got)
		}
	}
}
