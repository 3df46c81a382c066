package record

import (
	"reflect"
	"strings"
	"testing"
)

var sample = Record{Seq: 7, Event: Ready, Fields: []Field{{"service", "web"}, {"ms", "412"}}}

func TestAppendIsReadable(t *testing.T) {
	t.Parallel()
	got := string(sample.Append(nil))
	if want := "linuxkit-init: 7 ready service=web ms=412 ~55d43822"; got != want {
		t.Errorf("Append = %q, want %q", got, want)
	}
}

func TestFindReadsBackWhatAppendWrote(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "plain", "two words", `quote " inside`, `back\slash`, "line\nbreak", "tab\t", "Ünï", "\xff\x00", "a=b", "~00000000", "x ~00000000", "linuxkit-init: "} {
		want := Record{Seq: 1, Event: Log, Fields: []Field{{"level", "info"}, {"msg", value}, {"last", "1"}}}
		got, ok := Find(want.Append(nil))
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("value %q: Find = %+v, %v", value, got, ok)
		}
	}
}

func TestFindBelievesOnlyTheCRC(t *testing.T) {
	t.Parallel()
	line := string(sample.Append(nil))
	for name, tt := range map[string]struct {
		line string
		want bool
	}{
		"alone":                                {line, true},
		"behind somebody's unfinished text":    {"[    1.5] eth0: link bec" + line, true},
		"with a kernel message behind it":      {line + "[    1.6] random: crng init done", true},
		"behind a torn one":                    {line[:20] + line, true},
		"torn in the middle":                   {line[:30], false},
		"with the CRC torn":                    {line[:len(line)-1], false},
		"another service named":                {strings.Replace(line, "web", "wep", 1), false},
		"another number":                       {strings.Replace(line, " 7 ", " 8 ", 1), false},
		"kernel message spliced into it":       {strings.Replace(line, "ready", "re[ 1.0] usb 1-1: new\nady", 1), false},
		"upper-case CRC":                       {line[:len(line)-8] + strings.ToUpper(line[len(line)-8:]), false},
		"prefix alone":                         {Prefix, false},
		"nothing":                              {"", false},
		"a person writing about linuxkit-init": {"linuxkit-init: 7 ready service=web", false},
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

func TestAppendNeverOutgrowsTheKernelsLine(t *testing.T) {
	t.Parallel()
	for _, value := range []string{strings.Repeat("x", 5000), strings.Repeat("\x00", 5000), strings.Repeat("é ", 3000)} {
		r := Record{Seq: 1 << 63, Event: Failed, Fields: []Field{{"service", "web"}, {"tail", value}, {"reason", value}}}
		line := r.Append(nil)
		got, ok := Find(line)
		if len(line) > MaxLen || !ok || got.Get("service") != "web" {
			t.Errorf("%d bytes, found %v, service %q", len(line), ok, got.Get("service"))
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
			t.Errorf("%q: read back as %+v, %v", line, again, ok)
		}
	})
}
