package report

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/org/linuxkit-action/internal/boottest/judge"
)

// injection is text of a guest with commands of GitHub's runner, HTML and Markdown.
const injection = "::error::x ##[warning]y <script>alert(1)</script> | `code` **bold** " +
	"[a](https://evil.example) @everyone ![i](//e) </pre></code>"

func readyBoot() Boot {
	return Boot{
		Format: "kernel+initrd", Accelerator: "tcg",
		Notes:   []string{"no KVM, using TCG: open /dev/kvm: no such file or directory"},
		Console: "console.log", LastLines: []string{"[    4.856560] reboot: Power down"},
		Outcome: judge.Outcome{
			Verdict: judge.Ready, Reason: "1 onboot and 2 services ready after 3.7s", ReadyMS: 3700,
			Stages: []judge.Stage{
				{Name: "firmware", ToMS: 700},
				{Name: "kernel", FromMS: 700, ToMS: 3000},
				{Name: "onboot", FromMS: 3000, ToMS: 3200},
				{Name: "services", FromMS: 3200, ToMS: 3700},
				{Name: "stays", FromMS: 3700, ToMS: 5700},
				{Name: "shutdown", FromMS: 5700, ToMS: 6000},
			},
			Onboot: []judge.Unit{{Name: "dhcpcd", State: judge.StateOK, FromMS: 3050, ToMS: 3200, Detail: "exit 0"}},
			Services: []judge.Unit{
				{Name: "db", State: judge.StateOK, FromMS: 3200, ToMS: 3300},
				{Name: "web", State: judge.StateOK, FromMS: 3200, ToMS: 3700},
			},
			Probes: []judge.Unit{{Name: "http :80/", State: judge.StateOK, FromMS: 3400, ToMS: 3650}},
		},
	}
}

func failedBoot() Boot {
	b := readyBoot()
	b.Format, b.Verdict, b.ReadyMS = "iso-bios", judge.Failed, 0
	b.Reason, b.Culprit = `service "web" ended with code 3 before it was ready`, "web"
	b.Remedy = "check its log"
	b.Line, b.Tail = "[    3.300000] "+injection, "cannot bind\n\n"+injection
	b.Services[1] = judge.Unit{Name: injection, State: judge.StateFailed, FromMS: 3200, Detail: "code 3"}
	b.Probes[0] = judge.Unit{Name: "http :80/", State: judge.StateWaiting}
	b.LastLines = []string{injection, "::set-env name=x::y", "", "```"}
	return b
}

func newReport(boots ...Boot) *Report {
	return New(Image{Name: "box", Arch: "amd64", Init: "builtin"}, boots)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs (UPDATE=1 go test updates it):\n%s", name, got)
	}
}

func TestGoldenFiles(t *testing.T) {
	t.Parallel()
	r := newReport(readyBoot(), failedBoot())
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
	golden(t, "terminal.txt", []byte(newReport(readyBoot()).Terminal()+"\n"+newReport(failedBoot()).Terminal()))
}

func TestFirstFailedBootIsDecisive(t *testing.T) {
	t.Parallel()
	r := newReport(readyBoot(), failedBoot())
	if r.Verdict != judge.Failed || r.Format != "iso-bios" || len(r.Boots) != 2 {
		t.Errorf("%s of %s", r.Verdict, r.Format)
	}
	r = newReport(readyBoot(), readyBoot())
	if r.Verdict != judge.Ready || r.Format != "kernel+initrd" {
		t.Errorf("%s of %s", r.Verdict, r.Format)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	r := newReport(failedBoot())
	content, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(content, &got); err != nil || !reflect.DeepEqual(&got, r) {
		t.Errorf("%v: %+v", err, got)
	}
}

func TestJUnitCounts(t *testing.T) {
	t.Parallel()
	content, err := newReport(failedBoot()).JUnit()
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

func TestTextOfGuestIsEscaped(t *testing.T) {
	t.Parallel()
	r := newReport(failedBoot())
	md, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"summary.md": string(md), "report.html": string(page)} {
		for _, markup := range []string{"<script>alert", "alert(1)</script>", "</pre></code>"} {
			if strings.Contains(content, markup) {
				t.Errorf("%s contains %q", name, markup)
			}
		}
	}
	for line := range strings.Lines(string(md)) {
		if strings.Contains(line, "**bold**") && !inPre(string(md), line) {
			t.Errorf("summary.md contains Markdown of the guest: %s", line)
		}
	}
	if strings.Contains(string(page), "http://") || strings.Contains(string(page), "src=") {
		t.Error("report.html refers to an external resource")
	}
}

// inPre reports whether a line of the text is in a pre block.
func inPre(text, line string) bool {
	before, _, _ := strings.Cut(text, line)
	return strings.LastIndex(before, "<pre>") > strings.LastIndex(before, "</pre>")
}

func TestReportContainsNoWorkflowCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newReport(failedBoot())
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	contents := map[string]string{"terminal": r.Terminal()}
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
	md, err := newReport(failedBoot()).Markdown()
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

func TestTerminalHas80Columns(t *testing.T) {
	t.Parallel()
	b := failedBoot()
	for range 100 {
		b.Services = append(b.Services, judge.Unit{Name: strings.Repeat("漢", 50), State: judge.StateOK, FromMS: 0, ToMS: 999_999})
	}
	lines := strings.Split(strings.TrimRight(newReport(b).Terminal(), "\n"), "\n")
	if len(lines) != maxBars+2 {
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if utf8.RuneCountInString(l) > 80 {
			t.Errorf("%d columns: %s", utf8.RuneCountInString(l), l)
		}
	}
}

func TestPrepareRemovesOldReport(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "report")
	for range 2 {
		if err := Prepare(dir); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("not removed: %v", left)
		}
		if err := newReport(readyBoot()).Write(dir); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReportOnImageThatIsNotBooted(t *testing.T) {
	t.Parallel()
	r := newReport(Boot{
		Format:  "kernel+initrd",
		Outcome: judge.NotBooted("the image takes 91.2 MB; the budget is 80.0 MB", "budget"),
	})
	if err := r.Write(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if got := r.Terminal(); got != "kernel+initrd failed\n" {
		t.Errorf("terminal %q", got)
	}
}

// A new section must need no change of a renderer: each renders all fields of a section.
func TestRenderersWalkSections(t *testing.T) {
	t.Parallel()
	s := Section{
		Title: "Added section", Headline: "added headline", Level: Terminal, Evidence: true,
		Paragraphs: []Paragraph{{Label: "label", Text: "text"}},
		Bars: []Bar{
			{Kind: "file", Name: "kernel", State: judge.StateFailed, To: 5, Value: "5 MB"},
			{Kind: "file", Name: "initrd", To: 9},
		},
		Table: Table{Columns: []string{"column"}, Rows: [][]string{{"cell"}}},
		Items: []string{"item"},
		Lines: append(make([]string, foldedLines), "line"),
	}
	page, err := page{Report: newReport(failedBoot()), Sections: [][]Section{{s}}}.render()
	if err != nil {
		t.Fatal(err)
	}
	suite, err := xml.Marshal(newSuite("class", failedBoot(), []Section{s}))
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		got  string
		want []string
	}{
		"report.html": {got: string(page), want: []string{
			"<h3>Added section</h3>", "<b>label:</b> text", "kernel", "5 MB", "initrd", "<th>column</th>", "<td>cell</td>",
			"<li>item</li>", "<details>", "line",
		}},
		"summary.md": {got: markdown([]Section{s}), want: []string{
			"#### Added section", "**label:** text", "file kernel", "5 MB", "initrd", "| column |", "| cell |", "- item", "line",
		}},
		"terminal": {got: terminal([]Section{s}), want: []string{
			"added headline", "kernel", "initrd", "cell", "item", "line",
		}},
		"junit.xml": {got: string(suite), want: []string{`name="file kernel"`, "line</failure>"}},
	} {
		for _, want := range tt.want {
			if !strings.Contains(tt.got, want) {
				t.Errorf("%s does not contain %q:\n%s", name, want, tt.got)
			}
		}
	}
}
