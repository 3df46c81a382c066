package json

import (
	"bytes"
	stdjson "encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
)

// tree converts v to the result of encoding/json with UseNumber.
func tree(v Value) any {
	switch v.Kind {
	case Bool:
		return v.True()
	case Number:
		return stdjson.Number(v.text)
	case String:
		return v.Text()
	case Array:
		list := []any{}
		for _, e := range v.List() {
			list = append(list, tree(e))
		}
		return list
	case Object:
		object := map[string]any{}
		v.Each(func(name string, e Value) { object[name] = tree(e) })
		return object
	}
	return nil
}

// parseStandard parses text with encoding/json.
func parseStandard(text []byte) (any, error) {
	d := stdjson.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the value")
	}
	return v, nil
}

var samples = []string{
	`{"cgroups":[],"mounts":[{"type":"overlay","options":["lowerdir=/a"]}],"mkdir":null,"bindNS":{"net":""}}`,
	` [ 1 , -0 , 1.5e+3 , 0.25 , true , false , null ] `,
	`"\u00e9\ud83d\ude00\ud800\udc \ud800\ud800 \" \\ \/ \b\f\n\r\t"`, "\"\xff\xc3\"", `{"a":1,"a":2}`,
	``, `{`, `[1,]`, `{"a"}`, `{"a":1,}`, `01`, `+1`, `1.`, `.5`, `1e`, `-`, `tru`, `"a`, "\"\n\"", `"\x"`, `"\u12"`,
	`"\u+123"`, `1 2`, `{1:2}`, "\ufeff1", `nul`, `'a'`, "[1]\x00",
}

func TestSameAsEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range samples {
		compare(t, []byte(text))
	}
}

// compare checks that Parse and encoding/json have the same result.
func compare(t *testing.T, text []byte) {
	t.Helper()
	got, err := Parse(text)
	if errors.Is(err, ErrTooLarge) {
		return
	}
	want, wantErr := parseStandard(text)
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("%q: error %v, encoding/json has %v", text, err, wantErr)
	}
	if err == nil && !reflect.DeepEqual(tree(got), want) {
		t.Fatalf("%q: %#v, encoding/json has %#v", text, tree(got), want)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"maximal depth":   {strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth), nil},
		"too deep":        {strings.Repeat("[", MaxDepth+2), ErrTooLarge},
		"maximal values":  {"[" + strings.Repeat("1,", MaxValues-2) + "1]", nil},
		"too many values": {"[" + strings.Repeat("1,", MaxValues) + "1]", ErrTooLarge},
		"too many bytes":  {`"` + strings.Repeat("x", MaxBytes) + `"`, ErrTooLarge},
		"truncated":       {`{"a":`, ErrSyntax},
	} {
		if _, err := Parse([]byte(tt.text)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAccessors(t *testing.T) {
	t.Parallel()
	v, err := Parse([]byte(`{"n":1,"s":"x","l":["a",2,"b"],"t":true,"o":{"k":"v"}}`))
	if err != nil {
		t.Fatal(err)
	}
	if v.Get("n").Text() != "" || v.Get("s").True() || v.Get("s").Get("x").Kind != Null || v.Get("n").List() != nil {
		t.Error("an accessor of another kind returned a value")
	}
	if got := v.Get("l").Texts(); !reflect.DeepEqual(got, []string{"a", "b"}) {
		t.Errorf("Texts = %q", got)
	}
	if v.Get("o").Get("k").Text() != "v" || !v.Get("t").True() || v.Get("absent").Kind != Null {
		t.Error("an accessor returned no value")
	}
}

func FuzzSameAsEncodingJSON(f *testing.F) {
	for _, text := range samples {
		f.Add([]byte(text))
	}
	f.Fuzz(compare)
}
