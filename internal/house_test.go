// Package internal holds the steps of the line, one package each. Its own test
// guards the house: which way imports go, and that every package tells its story.
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

// line is the order of the steps: a package may import those before its own, never
// those after it, so that a step can be read, tested and used without what follows.
var line = []string{"manifest", "component", "verify", "build", "boottest", "publish", "gha"}

// forbidden imports, with the reason.
var forbidden = []struct{ from, to, why string }{
	{"internal/pid1", "internal/", "PID 1 must stay small and shares only plain types: nothing of the line may come into it"},
	{"internal/progress", "internal/", "every step reports to progress, so it can know none of them"},
	{"internal/", "fixtures/", "fixtures are for tests and the demo; the product must work without them"},
	{"internal/", "cmd/", "only main knows the commands"},
	{"internal/manifest", "sigs.k8s.io/yaml", "there is one YAML library, yaml.v3: its nodes have places"},
	{"internal/", "github.com/spf13/cobra", "flags belong to cmd/action; a step takes plain options"},
	{"internal/build", "net/http", "assembling needs no network; whatever it could fetch would be unverified"},
}

// pkg is what `go list` says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles", module+"/...")
	out, err := cmd.Output()
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

// step returns the position of a package in the line, or -1.
func step(path string) int {
	for i, name := range line {
		full := module + "/internal/" + name
		if path == full || strings.HasPrefix(path, full+"/") {
			return i
		}
	}
	return -1
}

func TestImportsGoAlongTheLine(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			from, to := step(p.ImportPath), step(imported)
			if from >= 0 && to > from {
				t.Errorf("%s imports %s: %s comes later in the line than %s, and a step must not know what follows it", p.ImportPath, imported, line[to], line[from])
			}
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, rule := range forbidden {
			if !strings.HasPrefix(p.ImportPath, module+"/"+rule.from) {
				continue
			}
			for _, imported := range p.Imports {
				short := strings.TrimPrefix(imported, module+"/")
				if strings.HasPrefix(short, rule.to) && !strings.HasPrefix(short, strings.TrimSuffix(rule.from, "/")) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, rule.why)
				}
			}
		}
	}
}

func TestEveryPackageTellsItsStory(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && !documented(t, p) {
			t.Errorf("%s has no doc comment; say in a few sentences what it is for", p.ImportPath)
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
