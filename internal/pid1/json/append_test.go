package json

import (
	"reflect"
	"testing"
)

// sameAgain checks that a text that was read, written and read again says the same.
func sameAgain(t *testing.T, text []byte) {
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
	if std, err := standard(written); err != nil || !reflect.DeepEqual(std, tree(v)) {
		t.Errorf("encoding/json reads %v, %v from %q", std, err, written)
	}
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	t.Parallel()
	for _, text := range samples {
		sameAgain(t, []byte(text))
	}
}

func FuzzAppend(f *testing.F) {
	for _, text := range samples {
		f.Add([]byte(text))
	}
	f.Fuzz(sameAgain)
}

func TestWithSetsTheMemberThatCounts(t *testing.T) {
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
