package modules

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDashAndUnderscoreAreEquivalent(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"modules.dep": "kernel/crypto/twofish.ko:\n",
		"modules.alias": `alias crypto-twofish-asm twofish
alias of:N*T*Cacme,touch-panelC* twofish
alias usb:v13FD-p[0-2]-* twofish
`,
	}
	for kind, files := range indexFormats(texts) {
		x, _ := Open(writeFiles(t, files))
		for name, want := range map[string]int{
			"crypto-twofish-asm": 1, "crypto_twofish_asm": 1, "crypto-twofish_asm": 1, "crypto.twofish.asm": 0,
			"of:NaTbCacme,touch-panelCx": 1, "of:NaTbCacme,touch_panelCx": 1, "of:N-T-Cacme,touch-panelC": 1,
			"usb:v13FD-p1-x": 1, "usb:v13FD_p1_x": 1, "usb:v13FD_p-_x": 0,
		} {
			if got := x.resolve(name); len(got) != want {
				t.Errorf("%s: %s resolves to %q, want %d modules", kind, name, got, want)
			}
		}
	}
}

func TestUnderscores(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"a-b-":        "a_b_",
		"-[a-c]-[-]-": "_[a-c]_[-]_",
		"-[a-":        "_[a-", // unclosed: depmod drops it from a tree
		"-]-":         "_]_",
		"":            "",
	} {
		if got := underscores(pattern); got != want {
			t.Errorf("%q becomes %q, want %q", pattern, got, want)
		}
	}
}

func TestFallsBackToTextForInvalidTree(t *testing.T) {
	t.Parallel()
	good := trees([][2]string{{"treeish", "treeish.ko:"}})["compressed"]
	for name, tt := range map[string]struct {
		data tree
		want bool // the tree is used
	}{
		"valid":                {good, true},
		"later minor version":  {good[:7] + "\x09" + good[8:], true},
		"other magic number":   {"\xb0\x07\xfa\x57" + good[4:], false},
		"earlier version":      {good[:5] + "\x01" + good[6:], false},
		"later version":        {good[:5] + "\x03" + good[6:], false},
		"empty":                {"", false},
		"truncated version":    {good[:7], false},
		"larger than maxIndex": {good + tree(make([]byte, maxIndex)), false},
		"text with this name":  {"treeish.ko:\n", false},
		"only zeros":           {tree(make([]byte, len(good))), false},
	} {
		dir := writeFiles(t, map[string]string{"modules.dep": "textish.ko:\n", "modules.dep.bin": string(tt.data)})
		x, err := Open(dir)
		if x == nil {
			t.Fatalf("%s: %v", name, err)
		}
		if byTree, byText := len(x.files("treeish")) > 0, len(x.files("textish")) > 0; byTree != tt.want || byText == tt.want {
			t.Errorf("%s: found in the tree: %v, in the text: %v", name, byTree, byText)
		}
	}
}

func TestTreeNeedsNoText(t *testing.T) {
	t.Parallel()
	dir := writeFiles(t, indexFormats(kernelIndex)["tree"])
	if texts, _ := filepath.Glob(filepath.Join(dir, "*.dep")); len(texts) > 0 {
		t.Fatalf("unexpected files %q", texts)
	}
	if _, err := Open(dir); err != nil {
		t.Error(err)
	}
	if err := os.Remove(filepath.Join(dir, "modules.dep.bin")); err != nil {
		t.Fatal(err)
	}
	if x, err := Open(dir); x != nil || !os.IsNotExist(err) {
		t.Errorf("without both: %v, %v", x, err)
	}
}

// FuzzIndexFormats checks that a name resolves to the same modules in both formats.
func FuzzIndexFormats(f *testing.F) {
	f.Add("pci:v*d[0-2]* pci:v1d? pci:v1d1 *", "pci:v1d1")
	f.Add("fs-overlay fs_overlay -[a-z]- ?[!a]*", "fs-overlay")
	f.Add("*a*b*[0-9]c *a*b*[0-9]d *a[b] **a", "xaxbx1d")
	f.Fuzz(func(t *testing.T, patterns, name string) {
		text := ""
		for i, p := range strings.Fields(patterns) {
			if closed(p) { // depmod drops the others from its tree
				text += fmt.Sprintf("alias %s module%d\n", p, i)
			}
		}
		if !ascii(patterns) || strings.Contains(patterns, "\x00") {
			return
		}
		name = strings.ReplaceAll(name, "-", "_")
		want := slices.Compact(slices.Sorted(slices.Values(parseAliases(text)(name))))
		for form, tree := range trees(entries("modules.alias", text)) {
			got := slices.Compact(slices.Sorted(slices.Values(tree.matching(name))))
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q resolves to %q, in the text to %q, of\n%s", form, name, got, want, text)
			}
		}
	})
}

// closed reports whether all brackets of a pattern form sets of at least one byte.
func closed(pattern string) bool {
	for {
		before, rest, found := strings.Cut(pattern, "[")
		if !found || strings.Contains(before, "]") {
			return !strings.Contains(before, "]")
		}
		set, after, ended := strings.Cut(rest, "]")
		if !ended || set == "" {
			return false
		}
		pattern = after
	}
}
