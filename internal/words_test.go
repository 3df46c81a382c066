package internal

import (
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// words lists what plain technical English does not need, each with what to write.
var words = []struct{ pattern, instead string }{
	{pattern: `(no|some|every|any)body('s)?`, instead: "name the person, program or process"},
	{pattern: `who(ever|soever)`, instead: "name the person, program or process"},
	{pattern: `vouch(es|ed)? for`, instead: "sign, verify"},
	{pattern: `wish(es|ed)?`, instead: "request, want"},
	{pattern: `(lies|lied|liar|lying)`, instead: "tampered, wrong, invalid"},
	{pattern: `(tells|told)`, instead: "report, print, list, contain"},
	{pattern: `chats?`, instead: "exchange"},
	{pattern: `(is|are|be|was) held to`, instead: "is enforced"},
	{pattern: `(feels?|feeling)`, instead: "state the condition"},
	{pattern: `without a word`, instead: "without configuration, silently"},
	{pattern: `heal(s|ed|ing)?`, instead: "reconcile, repair"},
	{pattern: `at (one's|its) leisure`, instead: "later"},
	{pattern: `comes? to (its|their) turn`, instead: "unreachable, shadowed"},
	{pattern: `(by|on) (its|their) own accord`, instead: "without a request"},
	{pattern: `mischief|mishap|trickster|thief`, instead: "attack, fault, attacker"},
}

// discouraged matches any of words.
var discouraged = func() *regexp.Regexp {
	var all []string
	for _, w := range words {
		all = append(all, w.pattern)
	}
	return regexp.MustCompile(`(?i)\b(` + strings.Join(all, "|") + `)\b`)
}()

// prose lists the files, besides Go code, that people read.
func prose(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard",
		"*.md", "*.yml", "*.yaml", "*.txtar", "*.sh", "Makefile", "Dockerfile")
	cmd.Dir = ".."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

func TestProseUsesPlainWords(t *testing.T) {
	t.Parallel()
	for _, name := range prose(t) {
		text, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			continue // removed, and not yet committed
		}
		checkWords(t, name, 1, string(text))
	}
}

func TestCodeUsesPlainWords(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.Path == "internal/words_test.go" {
			continue
		}
		for _, group := range s.File.Comments {
			for _, c := range group.List {
				checkWords(t, s.Path, s.line(c), c.Text)
			}
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if n.Kind == token.STRING && n.Value != `"nobody"` { // the Unix user
					checkWords(t, s.Path, s.line(n), n.Value)
				}
			case *ast.Ident:
				checkWords(t, s.Path, s.line(n), splitIdentifier(n.Name))
			}
			return true
		})
	}
}

func checkWords(t *testing.T, file string, line int, text string) {
	t.Helper()
	for _, at := range discouraged.FindAllStringIndex(text, -1) {
		word := text[at[0]:at[1]]
		t.Errorf("%s:%d: %q; write: %s", file, line+strings.Count(text[:at[0]], "\n"), word, instead(word))
	}
}

func instead(word string) string {
	i := slices.IndexFunc(words, func(w struct{ pattern, instead string }) bool {
		return regexp.MustCompile(`(?i)^(` + w.pattern + `)$`).MatchString(word)
	})
	return words[max(i, 0)].instead
}

var camel = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// splitIdentifier separates the words of a name: toldTwice → "told Twice".
func splitIdentifier(name string) string { return camel.ReplaceAllString(name, "$1 $2") }

// messageCalls are the functions whose string arguments a person reads.
var messageCalls = []string{"Errorf", "New", "Problem", "Note", "Notef", "Warnf", "Fprintf", "Fprintln"}

// TestMessagesReadAsErrors checks the form of every message in the product's code; with
// -v it prints them all, for a reader.
func TestMessagesReadAsErrors(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if strings.HasSuffix(s.Path, "_test.go") || !strings.HasPrefix(s.Path, "internal/") {
			continue
		}
		ast.Inspect(s.File, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			callee, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains(messageCalls, callee.Sel.Name) {
				return true
			}
			for _, argument := range call.Args {
				checkMessage(t, s, callee.Sel.Name, argument)
			}
			return true
		})
	}
}

func checkMessage(t *testing.T, s source, callee string, argument ast.Expr) {
	t.Helper()
	literal, ok := argument.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return
	}
	text, err := strconv.Unquote(literal.Value)
	if err != nil || !strings.Contains(text, " ") {
		return
	}
	t.Logf("%s:%d: %s", s.Path, s.line(literal), text)
	if callee != "Errorf" && callee != "New" {
		return
	}
	if strings.HasSuffix(text, ".") || strings.HasSuffix(text, "!") || strings.Contains(text, "\n") {
		t.Errorf("%s:%d: an error is one line without a full stop: %q", s.Path, s.line(literal), text)
	}
}
