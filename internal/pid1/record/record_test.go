package record

import (
	"reflect"
	"strings"
	"testing"
)

var sample = Record{Seq: 7, Event: Ready, Fields: []Field{{KeyService, "web"}, {KeyTime, "412"}}}

func TestAppend(t *testing.T) {
	t.Parallel()
	got := string(sample.Append(nil))
	if want := "linuxkit-init: 7 ready service=web ms=412 ~55d43822"; got != want {
		t.Errorf("Append = %q, want %q", got, want)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "plain", "two words", `quote " inside`, `back\slash`, "line\nbreak", "tab\t", "Ünï", "\xff\x00", "a=b",
		"~00000000", "x ~00000000", "linuxkit-init: ",
	} {
		want := Record{Seq: 1, Event: Log, Fields: []Field{{KeyLevel, "info"}, {KeyMessage, value}, {"last", "1"}}}
		got, ok := Find(want.Append(nil))
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("value %q: Find = %+v, %v", value, got, ok)
		}
	}
}

func TestFindRejectsInvalidCRC(t *testing.T) {
	t.Parallel()
	line := string(sample.Append(nil))
	for name, tt := range map[string]struct {
		line string
		want bool
	}{
		"only the record":                 {line, true},
		"after unfinished text":           {"[    1.5] eth0: link bec" + line, true},
		"before a kernel message":         {line + "[    1.6] random: crng init done", true},
		"after a truncated record":        {line[:20] + line, true},
		"truncated text":                  {line[:30], false},
		"truncated CRC":                   {line[:len(line)-1], false},
		"changed value":                   {strings.Replace(line, "web", "wep", 1), false},
		"changed number":                  {strings.Replace(line, " 7 ", " 8 ", 1), false},
		"interrupted by a kernel message": {strings.Replace(line, "ready", "re[ 1.0] usb 1-1: new\nady", 1), false},
		"upper-case CRC":                  {line[:len(line)-8] + strings.ToUpper(line[len(line)-8:]), false},
		"only the prefix":                 {Prefix, false},
		"empty":                           {"", false},
		"no CRC":                          {"linuxkit-init: 7 ready service=web", false},
	} {
		r, ok := Find([]byte(tt.line))
		if ok != tt.want {
			t.Errorf("%s: found = %v", name, ok)
		}
		if ok && !reflect.DeepEqual(r, sample) {
			t.Errorf("%s: got %+v", name, r)
		}
		if damaged := Damaged([]byte(tt.line)); damaged != (!tt.want && strings.Contains(tt.line, Prefix)) {
			t.Errorf("%s: Damaged = %v", name, damaged)
		}
	}
}

func TestAppendTruncatesLongValues(t *testing.T) {
	t.Parallel()
	for _, value := range []string{strings.Repeat("x", 5000), strings.Repeat("\x00", 5000), strings.Repeat("é ", 3000)} {
		r := Record{Seq: 1 << 63, Event: Failed, Fields: []Field{{KeyService, "web"}, {KeyTail, value}, {KeyReason, value}}}
		line := r.Append(nil)
		got, ok := Find(line)
		if len(line) > MaxLen || !ok || got.Get(KeyService) != "web" {
			t.Errorf("%d bytes, found %v, service %q", len(line), ok, got.Get(KeyService))
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(sample.Append(nil))
	f.Add([]byte(`linuxkit-init: 1 log msg="a b" ~00000000`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, ok := Find(line)
		if !ok {
			return
		}
		again, ok := Find(r.Append(nil))
		if !ok || again.Seq != r.Seq || again.Event != r.Event {
			t.Errorf("%q: parsed again as %+v, %v", line, again, ok)
		}
	})
}
