package protobuf

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

// fields is what the library of Protocol Buffers reads, and whether it reads it all.
func fields(m []byte) (list []string, whole bool) {
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
		default: // groups, which nobody sends
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

// sameAsLibrary reads a message both ways.
func sameAsLibrary(t *testing.T, m []byte) {
	t.Helper()
	want, whole := fields(m)
	var got []string
	if ok := Message(m).Each(func(field int, number uint64, value Message) {
		got = append(got, fmt.Sprintf("%d: %d %q", field, number, []byte(value)))
	}); ok != whole {
		t.Errorf("%x: whole is %v, and the library says %v", m, ok, whole)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%x: fields\n%s\nthe library has\n%s", m, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAsTheLibraryWritesIt(t *testing.T) {
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
		t.Errorf("read again: %q, %d, %q", got.Text(1), got.Number(3), got.Text(4711))
	}
}

func TestTheLastOfAFieldCounts(t *testing.T) {
	t.Parallel()
	m := Message(nil).With(1, "first").With(1, "last").WithNumber(2, 1).WithNumber(2, 2)
	if m.Text(1) != "last" || m.Number(2) != 2 {
		t.Errorf("%q, %d", m.Text(1), m.Number(2))
	}
	if m.Text(2) != "" || m.Number(1) != 0 || m.Text(3) != "" || m.Number(3) != 0 {
		t.Error("a field of another kind, or none, has a value")
	}
}

func TestWhatIsNoMessage(t *testing.T) {
	t.Parallel()
	for name, m := range map[string][]byte{
		"half a tag":                {0x80},
		"no field 0":                {0x00, 0x01},
		"field above all":           protowire.AppendVarint(nil, 1<<32),
		"no value":                  {0x08},
		"half a number":             {0x08, 0xff},
		"number that never ends":    bytes.Repeat([]byte{0xff}, 20),
		"bytes without length":      {0x0a},
		"bytes shorter than said":   {0x0a, 0x02, 'x'},
		"length beyond any message": append([]byte{0x0a}, protowire.AppendVarint(nil, math.MaxUint64)...),
		"half of 64 bits":           {0x09, 1, 2, 3, 4},
		"half of 32 bits":           {0x0d, 1, 2},
		"group":                     {0x0b, 0x0c},
		"type that is none":         {0x0f, 0x01},
	} {
		if Message(m).Each(func(int, uint64, Message) {}) {
			t.Errorf("%s is taken for whole", name)
		}
		sameAsLibrary(t, m)
	}
}

func FuzzEach(f *testing.F) {
	f.Add([]byte(Message(nil).With(1, "web").WithNumber(2, 300)))
	f.Add([]byte{0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x0d, 1, 2, 3, 4})
	f.Add([]byte{0x0a, 0x02, 'x'})
	f.Fuzz(func(t *testing.T, m []byte) { sameAsLibrary(t, m) })
}
