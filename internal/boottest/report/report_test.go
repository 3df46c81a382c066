package report

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/linuxkit-action/internal/boottest/judge"
)

var update = flag.Bool("update", false, "write the golden files anew")

// evil is what a guest would like to be read as something else.
const evil = "::error::x ##[warning]y <script>alert(1)</script> | `code` **bold** [a](https://evil.example) @everyone ![i](//e) </pre></code>"

func good() Boot {
	return Boot{
		Format: "kernel+initrd", Accelerator: "tcg", Notes: []string{"no KVM, using TCG: open /dev/kvm: no such file or directory"},
		Console: "console.log", LastLines: []string{"[    4.856560] reboot: Power down"},
		Outcome: judge.Outcome{
			Verdict: judge.Ready, Reason: "1 onboot and 2 services ready after 3.7s", ReadyMS: 3700,
			Stages: []judge.Stage{
				{Name: "firmware", ToMS: 700}, {Name: "kernel", FromMS: 700, ToMS: 3000}, {Name: "onboot", FromMS: 3000, ToMS: 3200},
				{Name: "services", FromMS: 3200, ToMS: 3700}, {Name: "stays", FromMS: 3700, ToMS: 5700}, {Name: "shutdown", FromMS: 5700, ToMS: 6000},
			},
			Onboot:   []judge.Unit{{Name: "dhcpcd", State: judge.StateOK, FromMS: 3050, ToMS: 3200, Detail: "exit 0"}},
			Services: []judge.Unit{{Name: "db", State: judge.StateOK, FromMS: 3200, ToMS: 3300}, {Name: "web", State: judge.StateOK, FromMS: 3200, ToMS: 3700}},
			Probes:   []judge.Unit{{Name: "http :80/", State: judge.StateOK, FromMS: 3400, ToMS: 3650}},
		},
	}
}

func bad() Boot {
	b := good()
	b.Format, b.Verdict, b.ReadyMS = "iso-bios", judge.Failed, 0
	b.Reason, b.Culprit, b.Remedy = `service "web" ended with code 3 before it was ready`, "web", "look at its log"
	b.Line, b.Tail = "[    3.300000] "+evil, "cannot bind\n\n"+evil
	b.Services[1] = judge.Unit{Name: evil, State: judge.StateFailed, FromMS: 3200, Detail: "code 3"}
	b.Probes[0] = judge.Unit{Name: "http :80/", State: judge.StateWaiting}
	b.LastLines = []string{evil, "::set-env name=x::y", "", "```"}
	return b
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s has changed (go test -update writes it anew):\n%s", name, got)
	}
}

func TestWhatPeopleSee(t *testing.T) {
	t.Parallel()
	r := New("box", "amd64", "builtin", []Boot{good(), bad()})
	dir := t.TempDir()
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"report.json", "junit.xml", "summary.md", "report.html"} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, got)
	}
	golden(t, "timeline.txt", []byte(good().Timeline()+"\n"+bad().Timeline()))
}

func TestTheFirstBootThatFailsDecides(t *testing.T) {
	t.Parallel()
	if r := New("box", "amd64", "builtin", []Boot{good(), bad()}); r.Verdict != judge.Failed || r.Format != "iso-bios" || len(r.Boots) != 2 {
		t.Errorf("%s of %s", r.Verdict, r.Format)
	}
	if r := New("box", "amd64", "builtin", []Boot{good(), good()}); r.Verdict != judge.Ready || r.Format != "kernel+initrd" {
		t.Errorf("%s of %s", r.Verdict, r.Format)
	}
}

func TestJSONReadsBack(t *testing.T) {
	t.Parallel()
	r := New("box", "amd64", "builtin", []Boot{bad()})
	content, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal(content, &back); err != nil || !reflect.DeepEqual(&back, r) {
		t.Errorf("%v: %+v", err, back)
	}
}

func TestJUnitCounts(t *testing.T) {
	t.Parallel()
	content, err := New("box", "amd64", "builtin", []Boot{bad()}).JUnit()
	if err != nil {
		t.Fatal(err)
	}
	var all junitSuites
	if err := xml.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	if s := all.Suites[0]; s.Tests != 5 || s.Failures != 3 || len(s.Cases) != 5 || s.Cases[0].Failure.Type != "failed" {
		t.Errorf("%+v", s)
	}
}

func TestTheGuestCannotSpeakThroughTheReport(t *testing.T) {
	t.Parallel()
	r := New("box", "amd64", "builtin", []Boot{bad()})
	md, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"summary.md": string(md), "report.html": string(page)} {
		for _, bad := range []string{"<script>alert", "alert(1)</script>", "</pre></code>"} {
			if strings.Contains(content, bad) {
				t.Errorf("%s has %q", name, bad)
			}
		}
	}
	for line := range strings.Lines(string(md)) {
		if strings.Contains(line, "**bold**") && !inPre(string(md), line) {
			t.Errorf("summary.md has Markdown of the guest: %s", line)
		}
	}
	if strings.Contains(string(page), "http://") || strings.Contains(string(page), "src=") {
		t.Error("report.html needs something from elsewhere")
	}
}

// inPre reports whether a line of the text stands in a pre block.
func inPre(text, line string) bool {
	before := text[:strings.Index(text, line)]
	return strings.LastIndex(before, "<pre>") > strings.LastIndex(before, "</pre>")
}

func TestNoFileOfTheReportIsACommandWhenItIsPrinted(t *testing.T) {
	t.Parallel()
	b := bad()
	dir := t.TempDir()
	r := New("box", "amd64", "builtin", []Boot{b})
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{"timeline": b.Timeline()}
	for _, name := range []string{"report.json", "junit.xml", "summary.md", "report.html"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		contents[name] = string(content)
	}
	for name, content := range contents {
		for line := range strings.Lines(content) {
			if strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Errorf("%s: GitHub's runner obeys %q", name, line)
			}
		}
	}
}

func TestPreBlocksHaveNoBlankLine(t *testing.T) {
	t.Parallel()
	md, err := New("box", "amd64", "builtin", []Boot{bad()}).Markdown()
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile(`(?s)<pre>.*?</pre>`).FindAllString(string(md), -1)
	if len(blocks) != 2 {
		t.Errorf("%d blocks", len(blocks))
	}
	for _, b := range blocks {
		if regexp.MustCompile(`\n\s*\n`).MatchString(b) {
			t.Errorf("Markdown begins again after the blank line in %q", b)
		}
	}
}

func TestTimelineFitsATerminal(t *testing.T) {
	t.Parallel()
	b := bad()
	for range 100 {
		b.Services = append(b.Services, judge.Unit{Name: strings.Repeat("漢", 50), State: judge.StateOK, FromMS: 0, ToMS: 999_999})
	}
	lines := strings.Split(strings.TrimRight(b.Timeline(), "\n"), "\n")
	if len(lines) != maxRows+2 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if utf8.RuneCountInString(l) > 80 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(l), l)
		}
	}
}

func TestAnOldReportDoesNotOutliveItsRun(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "report")
	for range 2 {
		if err := Prepare(dir); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
		if err := New("box", "amd64", "builtin", []Boot{good()}).Write(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheEmptyBootHasAReport(t *testing.T) {
	t.Parallel()
	r := New("box", "amd64", "builtin", []Boot{{Format: "kernel+initrd", Outcome: judge.NotBooted("the image takes 91.2 MB; the budget is 80.0 MB", "budget")}})
	if err := r.Write(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if got := r.Boot.Timeline(); !strings.HasPrefix(got, "kernel+initrd failed") {
		t.Errorf("timeline %q", got)
	}
}
