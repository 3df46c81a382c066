package protobuf

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields decodes a message with protowire, and reports whether it is valid.
func fields(m []byte) (list []string, valid bool) {
	for len(m) > 0 {
		field, kind, n := protowire.ConsumeTag(m)
		if n < 0 {
			return list, false
		}
		m = m[n:]
		var number uint64
		var value []byte
		switch kind {
		case protowire.VarintType:
			number, n = protowire.ConsumeVarint(m)
		case protowire.BytesType:
			value, n = protowire.ConsumeBytes(m)
		case protowire.Fixed32Type, protowire.Fixed64Type:
			n = protowire.ConsumeFieldValue(field, kind, m)
		default: // groups are not supported
			return list, false
		}
		if n < 0 {
			return list, false
		}
		m = m[n:]
		list = append(list, fmt.Sprintf("%d: %d %q", field, number, value))
	}
	return list, true
}

// compare checks that Each decodes a message as protowire does.
func compare(t *testing.T, m []byte) {
	t.Helper()
	want, valid := fields(m)
	var got []string
	if ok := Message(m).Each(func(field int, number uint64, value Message) {
		got = append(got, fmt.Sprintf("%d: %d %q", field, number, []byte(value)))
	}); ok != valid {
		t.Errorf("%x: valid is %v, want %v", m, ok, valid)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%x: fields\n%s\nwant\n%s", m, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEncodesAsProtowire(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300)
	var want []byte
	want = protowire.AppendTag(want, 1, protowire.BytesType)
	want = protowire.AppendString(want, "web")
	want = protowire.AppendTag(want, 3, protowire.VarintType)
	want = protowire.AppendVarint(want, math.MaxUint32)
	want = protowire.AppendTag(want, 4711, protowire.BytesType)
	want = protowire.AppendString(want, long)
	got := Message(nil).With(1, "web").With(2, "").WithNumber(3, math.MaxUint32).WithNumber(4, 0).With(4711, long)
	if !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
	if got.Text(1) != "web" || got.Number(3) != math.MaxUint32 || got.Text(4711) != long {
		t.Errorf("decoded %q, %d, %q", got.Text(1), got.Number(3), got.Text(4711))
	}
}

func TestLastValueOfAFieldWins(t *testing.T) {
	t.Parallel()
	m := Message(nil).With(1, "first").With(1, "last").WithNumber(2, 1).WithNumber(2, 2)
	if m.Text(1) != "last" || m.Number(2) != 2 {
		t.Errorf("%q, %d", m.Text(1), m.Number(2))
	}
	if m.Text(2) != "" || m.Number(1) != 0 || m.Text(3) != "" || m.Number(3) != 0 {
		t.Error("a field of another type, or an absent one, has a value")
	}
}

func TestInvalidMessages(t *testing.T) {
	t.Parallel()
	for name, m := range map[string][]byte{
		"truncated tag":          {0x80},
		"field number 0":         {0x00, 0x01},
		"field number too large": protowire.AppendVarint(nil, 1<<32),
		"missing value":          {0x08},
		"truncated number":       {0x08, 0xff},
		"unterminated number":    bytes.Repeat([]byte{0xff}, 20),
		"missing length":         {0x0a},
		"truncated bytes":        {0x0a, 0x02, 'x'},
		"length of 2^64-1":       append([]byte{0x0a}, protowire.AppendVarint(nil, math.MaxUint64)...),
		"truncated fixed64":      {0x09, 1, 2, 3, 4},
		"truncated fixed32":      {0x0d, 1, 2},
		"group":                  {0x0b, 0x0c},
		"unknown wire type":      {0x0f, 0x01},
	} {
		if Message(m).Each(func(int, uint64, Message) {}) {
			t.Errorf("%s: accepted", name)
		}
		compare(t, m)
	}
}

func FuzzEach(f *testing.F) {
	f.Add([]byte(Message(nil).With(1, "web").WithNumber(2, 300)))
	f.Add([]byte{0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x0d, 1, 2, 3, 4})
	f.Add([]byte{0x0a, 0x02, 'x'})
	f.Fuzz(func(t *testing.T, m []byte) { compare(t, m) })
}
