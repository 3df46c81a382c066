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
	t.Walk(func(name string, i *Inode) error {
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

// grow makes a tree from lines: "a/" is a folder, "a -> b" a link, "a text" a file.
func grow(t *testing.T, source string, lines ...string) *Tree {
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

func TestPutUnpacksLikeALayer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ lines, want string }{
		"parents come first":                     {"a/b/c x", "a/\na/b/\na/b/c x"},
		"later file wins":                        {"a x|a y", "a y"},
		"folder keeps its content":               {"d/|d/f x|d/", "d/\nd/f x"},
		"file replaces a folder":                 {"d/f x|d y", "d y"},
		"folder replaces a file":                 {"d y|d/f x", "error"},
		"folder entry replaces a file":           {"d y|d/|d/f x", "d/\nd/f x"},
		"link in the path is followed":           {"usr/lib/|lib -> usr/lib|lib/f x", "lib -> usr/lib\nusr/\nusr/lib/\nusr/lib/f x"},
		"absolute link stays inside":             {"lib -> /usr/lib|lib/f x", "lib -> /usr/lib\nusr/\nusr/lib/\nusr/lib/f x"},
		"link above the root stays inside":       {"etc -> ../../../etc2|etc/f x", "etc -> ../../../etc2\netc2/\netc2/f x"},
		"dots cannot climb":                      {"../../x 1|a/../../y 2", "x 1\ny 2"},
		"link loop":                              {"a -> b|b -> a|a/f x", "error"},
		"link to itself":                         {"a -> a|a/f x", "error"},
		"link is replaced by a file of its name": {"a -> b|b x|a y", "a y\nb x"},
		"name too long":                          {strings.Repeat("n", 256) + " x", "error"},
		"too deep":                               {strings.Repeat("d/", 300) + "f x", "error"},
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

func TestOverlayJoinsOrNamesBoth(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		under, over []string
		want        string
	}{
		"folders join":                {[]string{"lib/a 1"}, []string{"lib/b 2"}, "lib/\nlib/a 1\nlib/b 2"},
		"later file wins":             {[]string{"etc/f 1"}, []string{"etc/f 2"}, "etc/\netc/f 2"},
		"merged usr stays merged":     {[]string{"usr/lib/a 1", "lib -> usr/lib"}, []string{"lib/modules/m 2"}, "lib -> usr/lib\nusr/\nusr/lib/\nusr/lib/a 1\nusr/lib/modules/\nusr/lib/modules/m 2"},
		"file over a folder":          {[]string{"a/b 1"}, []string{"a x"}, "/a is a folder in first and a file in second"},
		"link over a folder":          {[]string{"lib/a 1"}, []string{"lib -> usr/lib"}, "/lib is a folder in first and a link to usr/lib in second"},
		"file over a linked folder":   {[]string{"usr/lib/", "lib -> usr/lib"}, []string{"lib x"}, "/lib is a link to usr/lib in first and a file in second"},
		"link over a link":            {[]string{"usr/lib/", "lib -> usr/lib"}, []string{"lib -> other"}, "lib -> other\nusr/\nusr/lib/"},
		"folder over a file":          {[]string{"a x"}, []string{"a/b 1"}, "/a is a file in first and a folder in second"},
		"folder over a dangling link": {[]string{"a -> nowhere"}, []string{"a/b 1"}, "/a is a link to nowhere in first and a folder in second"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := grow(t, "first", tt.under...)
			got := ""
			if err := root.Overlay("", grow(t, "second", tt.over...), Origin{Source: "second"}); err != nil {
				if !errors.Is(err, ErrConflict) {
					t.Errorf("not ErrConflict: %v", err)
				}
				got = err.Error()
			} else {
				got = show(root)
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("got:\n%s\nwant:\n%s", got, tt.want)
			}
		})
	}
}

func TestOverlayStampsWhereItIsUsed(t *testing.T) {
	t.Parallel()
	image, root := grow(t, "image", "bin/sh 1", "etc/"), New()
	if err := image.Link("bin/ash", "bin/sh", "image"); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"onboot[0]", "services[1]"} {
		if err := root.Overlay("containers/"+place, image, Origin{"docker.io/library/busybox", place, ""}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	root.Walk(func(name string, i *Inode) error {
		got = append(got, name+" "+i.Origin.Location)
		return nil
	})
	want := []string{
		"containers onboot[0]", // the first that needed it
		"containers/onboot[0] onboot[0]", "containers/onboot[0]/bin onboot[0]", "containers/onboot[0]/bin/ash onboot[0]", "containers/onboot[0]/bin/sh onboot[0]", "containers/onboot[0]/etc onboot[0]",
		"containers/services[1] services[1]", "containers/services[1]/bin services[1]", "containers/services[1]/bin/ash services[1]", "containers/services[1]/bin/sh services[1]", "containers/services[1]/etc services[1]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
	ash, _ := root.Get("containers/services[1]/bin/ash")
	sh, _ := root.Get("containers/services[1]/bin/sh")
	if ash != sh {
		t.Error("the hard link became a copy")
	}
	if own, _ := image.Get("bin/sh"); own.Origin.Location != "" {
		t.Error("the image itself was stamped")
	}
}

func TestOriginNamesAPlaceBeforeASource(t *testing.T) {
	t.Parallel()
	loose := Origin{"linuxkit.files", "files[0]", "os.yml:3:5"}
	if got := loose.String(); got != "os.yml:3:5" {
		t.Errorf("got %s", got)
	}
	if got := (Origin{Source: "docker.io/library/a"}).String(); got != "docker.io/library/a" {
		t.Errorf("got %s", got)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lines     []string
		cut, rest string
	}{
		"a folder":          {[]string{"boot/dtb/a 1", "lib/m 2"}, "dtb/\ndtb/a 1", "lib/\nlib/m 2"},
		"nothing there":     {[]string{"lib/m 2"}, "", "lib/\nlib/m 2"},
		"a file":            {[]string{"boot 1", "lib/m 2"}, "", "lib/\nlib/m 2"},
		"a link to a place": {[]string{"boot -> lib", "lib/m 2"}, "", "lib/\nlib/m 2"},
	} {
		tree := grow(t, "image", tt.lines...)
		cut := tree.Cut("boot")
		if show(cut) != tt.cut || show(tree) != tt.rest {
			t.Errorf("%s: cut\n%s\nand left\n%s", name, show(cut), show(tree))
		}
		if cut.Len() != strings.Count(tt.cut, "\n")+min(1, len(tt.cut)) || tree.Len() != 2 {
			t.Errorf("%s: %d and %d paths", name, cut.Len(), tree.Len())
		}
	}
}

func TestRemovePruneAndCount(t *testing.T) {
	t.Parallel()
	tree := grow(t, "image", "a/b/c 1", "a/d 2", "e 3")
	tree.Remove("a/b")
	tree.Remove("not/there")
	if got := show(tree); got != "a/\na/d 2\ne 3" || tree.Len() != 3 {
		t.Errorf("after Remove: %d paths\n%s", tree.Len(), got)
	}
	put(tree, "image", "a/x/y/kept 4")
	kept, _ := tree.Get("a/x/y/kept")
	tree.Prune("a", map[*Inode]bool{kept: true})
	tree.Prune("nowhere", nil)
	if got := show(tree); got != "a/\na/x/\na/x/y/\na/x/y/kept 4\ne 3" || tree.Len() != 5 {
		t.Errorf("after Prune: %d paths\n%s", tree.Len(), got)
	}
	tree.Prune("", nil)
	if tree.Len() != 0 {
		t.Errorf("after Prune of the root: %d paths", tree.Len())
	}
}

func TestHardLinksShareOneInode(t *testing.T) {
	t.Parallel()
	tree := grow(t, "image", "a 12345")
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
		t.Errorf("the other name lost the content: %q", got)
	}
	for _, target := range []string{"a", "nowhere", ""} {
		if err := tree.Link("c", target, "image"); !errors.Is(err, ErrConflict) {
			t.Errorf("link to %q: %v", target, err)
		}
	}
}

func TestResolveFollowsToTheEnd(t *testing.T) {
	t.Parallel()
	tree := grow(t, "image", "usr/bin/runc R", "bin -> usr/bin", "sbin/init -> /bin/runc", "loop -> loop", "dangling -> nowhere")
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

func TestTooManyPaths(t *testing.T) {
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
