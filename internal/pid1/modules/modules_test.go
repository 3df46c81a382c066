package modules

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/org/linuxkit-action/internal/pid1/uevent"
)

// folder writes files below a new directory.
func writeFiles(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	writeFilesTo(t, dir, files)
	return dir
}

// put writes files below a directory.
func writeFilesTo(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

var kernelIndex = map[string]string{
	"modules.dep": `kernel/drivers/virtio/virtio.ko.xz:
kernel/drivers/virtio/virtio_ring.ko.xz: kernel/drivers/virtio/virtio.ko.xz
kernel/drivers/virtio/virtio-pci.ko.xz: kernel/drivers/virtio/virtio_ring.ko.xz kernel/drivers/virtio/virtio.ko.xz
kernel/fs/overlay.ko:
kernel/lib/crc.ko:
kernel/fs/ext4.ko:
kernel/net/late.ko:
`,
	"modules.alias": `# Aliases extracted from modules themselves.
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci
alias fs-overlay overlay
alias twice virtio_ring
alias twice overlay
`,
	"modules.softdep": "# Soft dependencies\nsoftdep ext4 pre: crc post: late absent\n",
	"modules.builtin": "kernel/drivers/acpi/button.ko\n",
}

// recorder records the modules that it is asked to insert, in place of the kernel.
type recorder struct {
	files []string
	fail  map[string]error
}

func (r *recorder) insert(p string) error {
	r.files = append(r.files, Name(p))
	return r.fail[Name(p)]
}

func newKernelLoader(t *testing.T) (*Loader, *recorder) {
	t.Helper()
	return newLoader(t, kernelIndex)
}

// loaderOf returns a loader of the modules in index files. They may lack what they need not have.
func newLoader(t *testing.T, files map[string]string) (*Loader, *recorder) {
	t.Helper()
	x, err := Open(writeFiles(t, files))
	if x == nil {
		t.Fatal(err)
	}
	l, r := NewLoader(x), &recorder{fail: map[string]error{}}
	l.insert = r.insert
	return l, r
}

func TestLoadOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		names []string
		want  []string
	}{
		"dependencies first": {
			names: []string{"pci:v00001AF4d00001000sv1sd2bc02sc00i00"},
			want:  []string{"virtio", "virtio_ring", "virtio_pci"},
		},
		"dash for underscore":  {names: []string{"virtio-pci"}, want: []string{"virtio", "virtio_ring", "virtio_pci"}},
		"alias":                {names: []string{"fs-overlay"}, want: []string{"overlay"}},
		"alias of two modules": {names: []string{"twice"}, want: []string{"virtio", "virtio_ring", "overlay"}},
		"each module once": {
			names: []string{"virtio_ring", "virtio-pci", "virtio_pci"},
			want:  []string{"virtio", "virtio_ring", "virtio_pci"},
		},
		"soft dependencies": {names: []string{"ext4"}, want: []string{"crc", "ext4", "late"}},
		"built-in":          {names: []string{"button"}},
	} {
		for kind, files := range indexFormats(kernelIndex) {
			l, r := newLoader(t, files)
			for _, n := range tt.names {
				if err := l.Load(n); err != nil {
					t.Errorf("%s, %s: %v", name, kind, err)
				}
			}
			if !reflect.DeepEqual(r.files, tt.want) || l.Count() != len(tt.want) {
				t.Errorf("%s, %s: loaded %q, count %d, want %q", name, kind, r.files, l.Count(), tt.want)
			}
		}
	}
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for kind, files := range indexFormats(kernelIndex) {
		l, r := newLoader(t, files)
		for _, name := range []string{"nonsense", "dmi:svn/overlay.x", "fs/overlay.ko"} { // the last two contain a module's name
			if err := l.Load(name); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: unknown: %v", kind, err)
			}
		}
		r.fail["virtio"] = unix.EEXIST
		r.fail["virtio_ring"] = unix.ENOEXEC
		if err := l.Load("virtio_pci"); !errors.Is(err, unix.ENOEXEC) {
			t.Errorf("%s: dependency that fails to load: %v", kind, err)
		}
		if want := []string{"virtio", "virtio_ring"}; !reflect.DeepEqual(r.files, want) {
			t.Errorf("%s: tried %q, want %q: EEXIST is no error, and an error ends the list", kind, r.files, want)
		}
	}
}

func TestColdplugLoadsOnceAndFindsNewDevices(t *testing.T) {
	t.Parallel()
	sys := writeFiles(t, map[string]string{
		"devices/system/cpu/modalias":           "crc\n",
		"bus/pci/devices/0000:00:03.0/modalias": "pci:v00001AF4d00001000sv1sd2bc02sc00i00\n",
		"bus/pci/devices/0000:00:04.0/modalias": "pci:v00001AF4d00001000sv1sd2bc02sc00i00\n",
		"bus/platform/devices/x/modalias":       "platform:unknown\n",
		"bus/platform/devices/empty/modalias":   "\n",
		"bus/platform/drivers/x/bind":           "no device\n",
		"class/net/lo/address":                  "no alias\n",
	})
	l, r := newKernelLoader(t)
	l.insert = func(p string) error {
		if Name(p) == "virtio_pci" { // its probe creates a device that this scan has already passed
			if err := os.WriteFile(filepath.Join(sys, "devices/system/cpu/modalias"), []byte("fs-overlay\n"), 0o644); err != nil {
				t.Error(err)
			}
		}
		return r.insert(p)
	}
	unwanted := func(err error) { t.Error(err) }
	for scan, want := range []bool{true, true, false} {
		if l.Coldplug(sys, unwanted) != want {
			t.Errorf("scan %d: found is %v", scan, !want)
		}
	}
	if want := []string{"crc", "virtio", "virtio_ring", "virtio_pci", "overlay"}; !reflect.DeepEqual(r.files, want) {
		t.Errorf("loaded %q, want %q", r.files, want)
	}
}

func TestColdplugScansClassesWithModaliases(t *testing.T) {
	t.Parallel()
	sys := writeFiles(t, map[string]string{
		"class/dmi/id/modalias":       "crc\n",
		"class/input/input0/modalias": "fs-overlay\n",
		"class/tty/tty0/modalias":     "ext4\n",
	})
	l, r := newKernelLoader(t)
	l.Coldplug(sys, func(err error) { t.Error(err) })
	if want := []string{"crc", "overlay"}; !reflect.DeepEqual(r.files, want) {
		t.Errorf("loaded %q, want %q", r.files, want)
	}
}

// eventQueue returns its batches one after another, and then errOver.
type eventQueue struct{ batches []uevent.Batch }

var errOver = errors.New("no more events")

func (s *eventQueue) Next(time.Duration) (uevent.Batch, error) {
	if len(s.batches) == 0 {
		return uevent.Batch{}, errOver
	}
	b := s.batches[0]
	s.batches = s.batches[1:]
	return b, nil
}

func batch(names ...string) uevent.Batch { return uevent.Batch{Aliases: names} }

func TestHotplug(t *testing.T) {
	t.Parallel()
	present := writeFiles(t, map[string]string{"bus/pci/devices/0/modalias": "fs-overlay\n"})
	for name, tt := range map[string]struct {
		batches []uevent.Batch
		want    []string
		opened  int
	}{
		"no events": {batches: []uevent.Batch{{}, {}}},
		"module with dependency": {
			batches: []uevent.Batch{batch("virtio_ring")},
			want:    []string{"virtio", "virtio_ring"},
			opened:  1,
		},
		"device comes and goes": {
			batches: []uevent.Batch{batch("overlay"), batch("overlay")},
			want:    []string{"overlay"},
			opened:  1,
		},
		"index is released when idle": {
			batches: []uevent.Batch{batch("overlay"), {}, batch("crc")},
			want:    []string{"overlay", "crc"},
			opened:  2,
		},
		"events lost": {batches: []uevent.Batch{{Lost: true}}, want: []string{"overlay"}, opened: 1},
		"some events lost": {
			batches: []uevent.Batch{{Lost: true, Aliases: []string{"crc"}}},
			want:    []string{"overlay", "crc"},
			opened:  1,
		},
		"no module": {batches: []uevent.Batch{batch("usb:unknown")}, opened: 1},
		"index is released after maxBatches": {
			batches: slices.Repeat([]uevent.Batch{batch("usb:unknown")}, maxBatches+1),
			opened:  2,
		},
	} {
		r, opened := &recorder{}, 0
		open := func() (*Loader, error) {
			opened++
			l, _ := newKernelLoader(t)
			l.insert = r.insert
			return l, nil
		}
		err := Hotplug(&eventQueue{tt.batches}, open, present, func(err error) { t.Errorf("%s: %v", name, err) })
		if !errors.Is(err, errOver) || !reflect.DeepEqual(r.files, tt.want) || opened != tt.opened {
			t.Errorf("%s: loaded %q with %d indexes, want %q with %d, %v", name, r.files, opened, tt.want, tt.opened, err)
		}
	}
}

func TestHotplugContinuesAfterErrors(t *testing.T) {
	t.Parallel()
	var reported []error
	l, r := newKernelLoader(t)
	r.fail["crc"] = unix.ENOEXEC
	opens := []func() (*Loader, error){
		func() (*Loader, error) { return nil, os.ErrNotExist },
		func() (*Loader, error) { return l, nil },
	}
	open := func() (*Loader, error) {
		next := opens[0]
		opens = opens[1:]
		return next()
	}
	events := &eventQueue{[]uevent.Batch{batch("overlay"), batch("crc"), batch("overlay")}}
	err := Hotplug(events, open, "", func(err error) { reported = append(reported, err) })
	if !errors.Is(err, errOver) || len(reported) != 2 ||
		!errors.Is(reported[0], os.ErrNotExist) || !errors.Is(reported[1], unix.ENOEXEC) {
		t.Errorf("reported %v, ended with %v", reported, err)
	}
	if want := []string{"crc", "overlay"}; !reflect.DeepEqual(r.files, want) {
		t.Errorf("tried %q, want %q", r.files, want)
	}
}

func TestOpensIncompleteIndex(t *testing.T) {
	t.Parallel()
	for kind, files := range indexFormats(map[string]string{"modules.dep": kernelIndex["modules.dep"]}) {
		x, err := Open(writeFiles(t, files))
		if x == nil || !errors.Is(err, os.ErrNotExist) || len(x.resolve("overlay")) == 0 {
			t.Errorf("%s: index %v, error %v", kind, x, err)
		}
	}
	if x, err := Open(t.TempDir()); x != nil || err == nil {
		t.Errorf("without modules.dep: %v, %v", x, err)
	}
}

func TestModprobeQuiet(t *testing.T) {
	t.Parallel()
	l, r := newKernelLoader(t)
	if err := load(l, []string{"nonsense", "fs-overlay"}, true); err != nil || len(r.files) != 1 {
		t.Errorf("quiet: %v, loaded %q", err, r.files)
	}
	l, _ = newKernelLoader(t)
	if err := load(l, []string{"nonsense"}, false); !errors.Is(err, ErrUnknown) {
		t.Errorf("not quiet: %v", err)
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, name string
		want          bool
	}{
		{pattern: "pci:v00001AF4d*", name: "pci:v00001AF4d00001000", want: true},
		{pattern: "pci:v00001AF4d*", name: "pci:v00001AF5d1", want: false},
		{pattern: "a*b*c", name: "axxbyyc", want: true},
		{pattern: "a*b*c", name: "axxbyy", want: false},
		{pattern: "*", name: "", want: true},
		{pattern: "?", name: "", want: false},
		{pattern: "a?c", name: "abc", want: true},
		{pattern: "input:b*v*e*-e*1,*k*", name: "input:b0019v0000p0001e0000-e0,1,k74,ram", want: true},
		{pattern: "x[0-9a]y", name: "x5y", want: true},
		{pattern: "x[0-9a]y", name: "xay", want: true},
		{pattern: "x[0-9a]y", name: "xby", want: false},
		{pattern: "x[!0-9]y", name: "xby", want: true},
		{pattern: "x[y", name: "x[y", want: true},
		{pattern: "", name: "", want: true},
		{pattern: "", name: "a", want: false},
		{pattern: "abc", name: "abc", want: true},
		{pattern: "ab", name: "abc", want: false},
		{pattern: "a*", name: "a", want: true},
	} {
		if got := newAlias(tt.pattern, "").matches(tt.name); got != tt.want {
			t.Errorf("%q matches %q: %v", tt.pattern, tt.name, got)
		}
	}
}

// FuzzMatch compares with the standard library's matcher where the syntax is the same.
func FuzzMatch(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("pci:v*d[0-9]*", "pci:v1d2")
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsAny(pattern, `[]\/`) || strings.Contains(name, "/") || !ascii(pattern) || !ascii(name) {
			return
		}
		want, err := path.Match(pattern, name)
		if got := newAlias(pattern, "").matches(name); err == nil && got != want {
			t.Errorf("%q matches %q: %v", pattern, name, got)
		}
	})
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 127 })
}

func FuzzIndex(f *testing.F) {
	for _, text := range kernelIndex {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l := NewLoader(&Index{
			deps:    parseDeps(text),
			aliases: parseAliases(text),
			builtin: parseBuiltin(text),
			soft:    parseSoftDeps(text),
		})
		l.insert = func(string) error { return nil }
		for line := range strings.Lines(text) {
			path, _, _ := strings.Cut(line, ":")
			_ = l.Load(Name(path)) // must end even if the dependencies form a cycle
		}
	})
}
