package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// fileFunctions are those of package os that open, create, rename or remove a file.
var fileFunctions = []string{
	"Open", "OpenFile", "ReadFile", "Create", "CreateTemp", "WriteFile",
	"Mkdir", "MkdirAll", "MkdirTemp", "Rename", "Remove", "RemoveAll",
}

// fileAccess lists the packages that may call fileFunctions, with the reason. Every other
// package calls internal/workspace, which follows no link out of the repository, opens
// nothing that blocks, and replaces no file through a link.
var fileAccess = map[string]string{
	"internal/workspace":          "it is that package",
	"internal/atomicfile":         "writes files of the cache, which belongs to the user and not to the repository",
	"internal/component":          "the cache of blobs, whose paths are digests below a folder of the user",
	"internal/sigstore":           "the TUF cache of Sigstore in the user's cache folder",
	"internal/pid1":               "runs in the guest, where there is no repository",
	"internal/boottest/machine":   "a private temporary folder with random name, for the disks and sockets of QEMU",
	"internal/verify/constraint":  "the memory of its own child process, in /proc/PID",
	"internal/build/payload/pack": "a tool of the build of this program, which reads what the compiler wrote",
}

// TestFilesAreOpenedByWorkspace rejects direct access to files.
func TestFilesAreOpenedByWorkspace(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, p := range packages(t) {
		short := strings.TrimPrefix(p.ImportPath, module+"/")
		if !strings.HasPrefix(short, "internal/") {
			continue
		}
		for _, name := range p.GoFiles {
			for _, call := range fileCalls(t, filepath.Join(p.Dir, name)) {
				if allowed := allowedBy(short); allowed != "" {
					used[allowed] = true
					continue
				}
				t.Errorf("%s: call internal/workspace, which guards against links, FIFOs and partial files", call)
			}
		}
	}
	for name := range fileAccess {
		if !used[name] {
			t.Errorf("%s opens no file; remove it from fileAccess", name)
		}
	}
}

// allowedBy returns the entry of fileAccess for a package or its parent, or "".
func allowedBy(path string) string {
	for name := range fileAccess {
		below := name == "internal/pid1" && strings.HasPrefix(path, name+"/")
		if path == name || below {
			return name
		}
	}
	return ""
}

// fileCalls returns the uses of fileFunctions in a file. A literal path of the kernel, in
// /proc, /sys or /dev, is nothing that the repository chose.
func fileCalls(t *testing.T, path string) []string {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	kernel := map[ast.Node]bool{}
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		if call, ok := node.(*ast.CallExpr); ok && len(call.Args) > 0 && isKernelPath(call.Args[0]) {
			kernel[call.Fun] = true
		}
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || kernel[selector] || !slices.Contains(fileFunctions, selector.Sel.Name) {
			return true
		}
		if pkg, ok := selector.X.(*ast.Ident); ok && pkg.Name == "os" {
			found = append(found, files.Position(selector.Pos()).String()+": os."+selector.Sel.Name)
		}
		return true
	})
	return found
}

func isKernelPath(arg ast.Expr) bool {
	literal, ok := arg.(*ast.BasicLit)
	if !ok {
		return false
	}
	path, err := strconv.Unquote(literal.Value)
	isBelow := func(dir string) bool { return strings.HasPrefix(path, dir) }
	return err == nil && slices.ContainsFunc([]string{"/proc/", "/sys/", "/dev/"}, isBelow)
}

func TestFileCallsFindsDirectAccess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.go")
	const source = `package x
import "os"
var read = os.ReadFile
func f(name string) { os.Open("/proc/meminfo"); os.OpenFile("/etc/passwd", 0, 0); os.MkdirAll(name, 0); os.Stat(name) }`
	if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(fileCalls(t, path), "\n")
	for name, want := range map[string]bool{
		"os.ReadFile": true, "os.OpenFile": true, "os.MkdirAll": true, "os.Stat": false, "4:23: os.Open": false,
	} {
		if strings.Contains(got, name) != want {
			t.Errorf("%s: want %v in\n%s", name, want, got)
		}
	}
}
