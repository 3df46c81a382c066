// Package internal holds one package per step of the pipeline. Its tests enforce the
// architecture: the direction of imports, a doc comment on every package, and the
// measures of style that CONTRIBUTING.md lists.
package internal

import (
	"encoding/json"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const module = "github.com/org/linuxkit-action"

// steps is the order of the pipeline. A package may import the steps before its own and
// none after it, so that each step can be read, tested and used without its successors.
var steps = []string{"manifest", "component", "sigstore", "verify", "build", "boottest", "publish", "gha", "cli"}

// importRule rejects imports of packages that begin with To by packages that begin with
// From, other than Except. Paths are relative to the module, or To is an import path of
// another module.
type importRule struct{ From, To, Reason, Except string }

var importRules = []importRule{
	{From: "internal/pid1", To: "internal/", Reason: "PID 1 must stay small; it shares only plain types with the builder"},
	{
		From: "internal/progress", To: "internal/", Except: "internal/markup",
		Reason: "every step imports progress, so progress imports none of them",
	},
	{From: "internal/", To: "fixtures/", Reason: "fixtures are for tests and the demo; the product works without them"},
	{From: "internal/", To: "cmd/", Reason: "cmd holds only main packages"},
	{From: "internal/manifest", To: "sigs.k8s.io/yaml", Reason: "yaml.v3 is the one YAML library; its nodes carry line and column"},
	{From: "internal/", To: "github.com/spf13/cobra", Reason: "only internal/cli parses flags; a step takes plain options"},
	{From: "internal/build", To: "net/http", Reason: "assembly needs no network; anything fetched there would be unverified"},
}

// exempt lists the packages that a rule of their parent does not cover.
var exempt = map[string]string{
	"internal/cli": "github.com/spf13/cobra",
}

// pkg is the part of `go list -json` that the tests read.
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// step returns the position of a package in the pipeline, or -1.
func step(path string) int {
	for i, name := range steps {
		full := module + "/internal/" + name
		if path == full || strings.HasPrefix(path, full+"/") {
			return i
		}
	}
	return -1
}

func TestImportsFollowThePipeline(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			from, to := step(p.ImportPath), step(imported)
			if from >= 0 && to > from {
				t.Errorf("%s imports %s: step %s comes after step %s", p.ImportPath, imported, steps[to], steps[from])
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, rule := range importRules {
			if !strings.HasPrefix(p.ImportPath, module+"/"+rule.From) {
				continue
			}
			for _, imported := range p.Imports {
				if rule.rejects(p.ImportPath, imported) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.Reason)
				}
			}
		}
	}
}

func (r importRule) rejects(from, imported string) bool {
	short := strings.TrimPrefix(imported, module+"/")
	if r.Except != "" && short == r.Except {
		return false
	}
	if exempt[strings.TrimPrefix(from, module+"/")] == r.To {
		return false
	}
	return strings.HasPrefix(short, r.To) && !strings.HasPrefix(short, strings.TrimSuffix(r.From, "/"))
}

func TestEveryPackageIsDocumented(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && !documented(t, p) {
			t.Errorf("%s has no package comment; describe its purpose, input and output in a few sentences", p.ImportPath)
		}
	}
}

func documented(t *testing.T, p pkg) bool {
	t.Helper()
	for _, name := range p.GoFiles {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		if file.Doc != nil && len(file.Doc.Text()) > 40 {
			return true
		}
	}
	return false
}
