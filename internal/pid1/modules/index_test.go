package modules

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestResolveTakesDashesForUnderscores(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"modules.dep": "kernel/crypto/twofish.ko:\n",
		"modules.alias": `alias crypto-twofish-asm twofish
alias of:N*T*Cacme,touch-panelC* twofish
alias usb:v13FD-p[0-2]-* twofish
`,
	}
	for kind, files := range kinds(texts) {
		x, _ := Open(folder(t, files))
		for name, want := range map[string]int{
			"crypto-twofish-asm": 1, "crypto_twofish_asm": 1, "crypto-twofish_asm": 1, "crypto.twofish.asm": 0,
			"of:NaTbCacme,touch-panelCx": 1, "of:NaTbCacme,touch_panelCx": 1, "of:N-T-Cacme,touch-panelC": 1,
			"usb:v13FD-p1-x": 1, "usb:v13FD_p1_x": 1, "usb:v13FD_p-_x": 0,
		} {
			if got := x.resolve(name); len(got) != want {
				t.Errorf("%s: %s is answered by %q, want %d", kind, name, got, want)
			}
		}
	}
}

func TestUnderscores(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"a-b-":        "a_b_",
		"-[a-c]-[-]-": "_[a-c]_[-]_",
		"-[a-":        "_[a-", // no set, and nothing answers: depmod leaves it out of a tree
		"-]-":         "_]_",
		"":            "",
	} {
		if got := underscores(pattern); got != want {
			t.Errorf("%q becomes %q, want %q", pattern, got, want)
		}
	}
}

func TestATreeThatIsNoneGivesWayToTheText(t *testing.T) {
	t.Parallel()
	good := forms([][2]string{{"treeish", "treeish.ko:"}})["joined"]
	for name, tt := range map[string]struct {
		data tree
		want bool // the tree's answer
	}{
		"a tree":                  {good, true},
		"a later minor version":   {good[:7] + "\x09" + good[8:], true},
		"another magic number":    {"\xb0\x07\xfa\x57" + good[4:], false},
		"an earlier version":      {good[:5] + "\x01" + good[6:], false},
		"a later version":         {good[:5] + "\x03" + good[6:], false},
		"empty":                   {"", false},
		"ends in the version":     {good[:7], false},
		"larger than it may be":   {good + tree(make([]byte, maxIndex)), false},
		"a text under that name":  {"treeish.ko:\n", false},
		"zeros from a lost write": {tree(make([]byte, len(good))), false},
	} {
		dir := folder(t, map[string]string{"modules.dep": "textish.ko:\n", "modules.dep.bin": string(tt.data)})
		x, err := Open(dir)
		if x == nil {
			t.Fatalf("%s: %v", name, err)
		}
		if byTree, byText := len(x.files("treeish")) > 0, len(x.files("textish")) > 0; byTree != tt.want || byText == tt.want {
			t.Errorf("%s: the tree answers: %v, the text answers: %v", name, byTree, byText)
		}
	}
}

func TestATreeNeedsNoText(t *testing.T) {
	t.Parallel()
	dir := folder(t, kinds(kernel)["tree"])
	if texts, _ := filepath.Glob(filepath.Join(dir, "*.dep")); len(texts) > 0 {
		t.Fatalf("there is %q", texts)
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

// Whatever the patterns are, the tree and the text have the same answers.
func FuzzKinds(f *testing.F) {
	f.Add("pci:v*d[0-2]* pci:v1d? pci:v1d1 *", "pci:v1d1")
	f.Add("fs-overlay fs_overlay -[a-z]- ?[!a]*", "fs-overlay")
	f.Add("*a*b*[0-9]c *a*b*[0-9]d *a[b] **a", "xaxbx1d")
	f.Fuzz(func(t *testing.T, patterns, name string) {
		text := ""
		for i, p := range strings.Fields(patterns) {
			if closed(p) { // depmod leaves others out of its tree
				text += fmt.Sprintf("alias %s module%d\n", p, i)
			}
		}
		if !ascii(patterns) || strings.Contains(patterns, "\x00") {
			return
		}
		name = strings.ReplaceAll(name, "-", "_")
		want := slices.Compact(slices.Sorted(slices.Values(parseAliases(text)(name))))
		for form, tree := range forms(entries("modules.alias", text)) {
			got := slices.Compact(slices.Sorted(slices.Values(tree.answering(name))))
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q is answered by %q, by the text %q, of\n%s", form, name, got, want, text)
			}
		}
	})
}

// closed reports whether the brackets of a pattern are sets of at least a byte.
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
