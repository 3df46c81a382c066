package tree

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// show lists a tree, one path a line.
func show(t *Tree) string {
	var lines []string
	_ = t.Walk(func(name string, i *Inode) error {
		switch i.Type {
		case tar.TypeDir:
			lines = append(lines, name+"/")
		case tar.TypeSymlink:
			lines = append(lines, name+" -> "+i.Target)
		default:
			b, _ := io.ReadAll(i.Open())
			lines = append(lines, name+" "+string(b))
		}
		return nil
	})
	return strings.Join(lines, "\n")
}

// newTree makes a tree from lines: "a/" is a folder, "a -> b" a link, "a text" a file.
func newTree(t *testing.T, source string, lines ...string) *Tree {
	t.Helper()
	out := New()
	for _, line := range lines {
		if err := put(out, source, line); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func put(out *Tree, source, line string) error {
	name, target, isLink := strings.Cut(line, " -> ")
	name, text, _ := strings.Cut(name, " ")
	inode := File(0o644, []byte(text))
	switch {
	case isLink:
		inode = Symlink(target)
	case strings.HasSuffix(name, "/"):
		inode = Folder(0o755)
	}
	return out.Put(name, inode.From(Origin{Source: source}))
}

func TestPutAppliesEntriesInOrder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ lines, want string }{
		"parents are created":          {"a/b/c x", "a/\na/b/\na/b/c x"},
		"later file wins":              {"a x|a y", "a y"},
		"folder keeps its content":     {"d/|d/f x|d/", "d/\nd/f x"},
		"file replaces a folder":       {"d/f x|d y", "d y"},
		"folder replaces a file":       {"d y|d/f x", "error"},
		"folder entry replaces a file": {"d y|d/|d/f x", "d/\nd/f x"},
		"link in the path is followed": {"usr/lib/|lib -> usr/lib|lib/f x", "lib -> usr/lib\nusr/\nusr/lib/\nusr/lib/f x"},
		"absolute link":                {"lib -> /usr/lib|lib/f x", "lib -> /usr/lib\nusr/\nusr/lib/\nusr/lib/f x"},
		"link to above the root":       {"etc -> ../../../etc2|etc/f x", "etc -> ../../../etc2\netc2/\netc2/f x"},
		"dot-dot stays below the root": {"../../x 1|a/../../y 2", "x 1\ny 2"},
		"link loop":                    {"a -> b|b -> a|a/f x", "error"},
		"link to itself":               {"a -> a|a/f x", "error"},
		"file replaces a link":         {"a -> b|b x|a y", "a y\nb x"},
		"name too long":                {strings.Repeat("n", 256) + " x", "error"},
		"too deep":                     {strings.Repeat("d/", 300) + "f x", "error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tree, got := New(), ""
			for line := range strings.SplitSeq(tt.lines, "|") {
				if err := put(tree, "image", line); err != nil {
					got = "error"
				}
			}
			if got == "" {
				got = show(tree)
			}
			if got != tt.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestOverlayMergesOrRejects(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		under, over []string
		want        string
	}{
		"folders are merged": {under: []string{"lib/a 1"}, over: []string{"lib/b 2"}, want: "lib/\nlib/a 1\nlib/b 2"},
		"later file wins":    {under: []string{"etc/f 1"}, over: []string{"etc/f 2"}, want: "etc/\netc/f 2"},
		"folder over a link to a folder": {
			under: []string{"usr/lib/a 1", "lib -> usr/lib"}, over: []string{"lib/modules/m 2"},
			want: "lib -> usr/lib\nusr/\nusr/lib/\nusr/lib/a 1\nusr/lib/modules/\nusr/lib/modules/m 2",
		},
		"file over a folder": {
			under: []string{"a/b 1"}, over: []string{"a x"},
			want: "/a is a folder in first and a file in second",
		},
		"link over a folder": {
			under: []string{"lib/a 1"}, over: []string{"lib -> usr/lib"},
			want: "/lib is a folder in first and a link to usr/lib in second",
		},
		"file over a link to a folder": {
			under: []string{"usr/lib/", "lib -> usr/lib"}, over: []string{"lib x"},
			want: "/lib is a link to usr/lib in first and a file in second",
		},
		"link over a link": {
			under: []string{"usr/lib/", "lib -> usr/lib"}, over: []string{"lib -> other"},
			want: "lib -> other\nusr/\nusr/lib/",
		},
		"folder over a file": {
			under: []string{"a x"}, over: []string{"a/b 1"},
			want: "/a is a file in first and a folder in second",
		},
		"folder over a dangling link": {
			under: []string{"a -> nowhere"}, over: []string{"a/b 1"},
			want: "/a is a link to nowhere in first and a folder in second",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := newTree(t, "first", tt.under...)
			err := root.Overlay("", newTree(t, "second", tt.over...), Origin{Source: "second"})
			got := show(root)
			if err != nil {
				got = err.Error()
			}
			if err != nil && !errors.Is(err, ErrConflict) {
				t.Errorf("not ErrConflict: %v", err)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestOverlaySetsOrigin(t *testing.T) {
	t.Parallel()
	image, root := newTree(t, "image", "bin/sh 1", "etc/"), New()
	if err := image.Link("bin/ash", "bin/sh", "image"); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"onboot[0]", "services[1]"} {
		if err := root.Overlay("containers/"+place, image, Origin{Source: "docker.io/library/busybox", Location: place}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	_ = root.Walk(func(name string, i *Inode) error {
		got = append(got, name+" "+i.Origin.Location)
		return nil
	})
	want := []string{"containers onboot[0]"} // the overlay that created it
	for _, place := range []string{"onboot[0]", "services[1]"} {
		for _, name := range []string{"", "/bin", "/bin/ash", "/bin/sh", "/etc"} {
			want = append(want, "containers/"+place+name+" "+place)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
	ash, _ := root.Get("containers/services[1]/bin/ash")
	sh, _ := root.Get("containers/services[1]/bin/sh")
	if ash != sh {
		t.Error("the hard link is a copy")
	}
	if own, _ := image.Get("bin/sh"); own.Origin.Location != "" {
		t.Error("the origin of the image changed")
	}
}

func TestOriginPrefersPlace(t *testing.T) {
	t.Parallel()
	file := Origin{Source: "linuxkit.files", Location: "files[0]", Place: "os.yml:3:5"}
	if got := file.String(); got != "os.yml:3:5" {
		t.Errorf("got %s", got)
	}
	if got := (Origin{Source: "docker.io/library/a"}).String(); got != "docker.io/library/a" {
		t.Errorf("got %s", got)
	}
}

func TestCutReturnsFolder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines     []string
		cut, rest string
	}{
		"folder":         {lines: []string{"boot/dtb/a 1", "lib/m 2"}, cut: "dtb/\ndtb/a 1", rest: "lib/\nlib/m 2"},
		"missing":        {lines: []string{"lib/m 2"}, rest: "lib/\nlib/m 2"},
		"file":           {lines: []string{"boot 1", "lib/m 2"}, rest: "lib/\nlib/m 2"},
		"link to folder": {lines: []string{"boot -> lib", "lib/m 2"}, rest: "lib/\nlib/m 2"},
	} {
		tree := newTree(t, "image", tt.lines...)
		cut := tree.Cut("boot")
		if show(cut) != tt.cut || show(tree) != tt.rest {
			t.Errorf("%s: cut\n%s\nrest\n%s", name, show(cut), show(tree))
		}
		if cut.Len() != strings.Count(tt.cut, "\n")+min(1, len(tt.cut)) || tree.Len() != 2 {
			t.Errorf("%s: %d and %d paths", name, cut.Len(), tree.Len())
		}
	}
}

func TestRemoveAndPruneCountPaths(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "image", "a/b/c 1", "a/d 2", "e 3")
	tree.Remove("a/b")
	tree.Remove("not/there")
	if got := show(tree); got != "a/\na/d 2\ne 3" || tree.Len() != 3 {
		t.Errorf("after Remove: %d paths\n%s", tree.Len(), got)
	}
	put(tree, "image", "a/x/y/kept 4")
	kept, _ := tree.Get("a/x/y/kept")
	none := func(*Inode) bool { return false }
	tree.Prune("a", func(i *Inode) bool { return i == kept })
	tree.Prune("nowhere", none)
	if got := show(tree); got != "a/\na/x/\na/x/y/\na/x/y/kept 4\ne 3" || tree.Len() != 5 {
		t.Errorf("after Prune: %d paths\n%s", tree.Len(), got)
	}
	tree.Prune("", none)
	if tree.Len() != 0 {
		t.Errorf("after Prune of the root: %d paths", tree.Len())
	}
}

func TestHardLinksShareOneInode(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "image", "a 12345")
	if err := tree.Link("b", "a", "image"); err != nil {
		t.Fatal(err)
	}
	a, _ := tree.Get("a")
	b, _ := tree.Get("b")
	if a != b || tree.Size() != 5 {
		t.Errorf("one inode: %v, size %d", a == b, tree.Size())
	}
	tree.Remove("a")
	if got := show(tree); got != "b 12345" {
		t.Errorf("after removing the other name: %q", got)
	}
	for _, target := range []string{"a", "nowhere", ""} {
		if err := tree.Link("c", target, "image"); !errors.Is(err, ErrConflict) {
			t.Errorf("link to %q: %v", target, err)
		}
	}
}

func TestResolveFollowsAllLinks(t *testing.T) {
	t.Parallel()
	tree := newTree(t, "image", "usr/bin/runc R", "bin -> usr/bin", "sbin/init -> /bin/runc", "loop -> loop", "dangling -> nowhere")
	for name, want := range map[string]bool{"sbin/init": true, "bin/runc": true, "loop": false, "dangling": false, "bin": true} {
		if _, ok := tree.Resolve(name); ok != want {
			t.Errorf("Resolve(%s) = %v", name, ok)
		}
	}
	if i, _ := tree.Get("sbin/init"); i.Type != tar.TypeSymlink {
		t.Error("Get followed the last link")
	}
	if got := tree.Names("bin"); !slices.Equal(got, []string{"runc"}) {
		t.Errorf("Names(bin) = %v", got)
	}
}

func TestRejectsTooManyPaths(t *testing.T) {
	t.Parallel()
	tree, inode := New(), File(0o644, nil)
	var err error
	for i := 0; i <= MaxPaths && err == nil; i++ {
		err = tree.Put(fmt.Sprint(i), inode)
	}
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}
