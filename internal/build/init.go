package build

import (
	"archive/tar"
	"fmt"
	"maps"
	"slices"

	"github.com/org/linuxkit-action/internal/build/payload"
	"github.com/org/linuxkit-action/internal/component/tree"
)

// Values of --init.
const (
	InitAuto     = "auto"     // ours, unless an init image has /init
	InitBuiltin  = "builtin"  // ours, over whatever the manifest brings
	InitManifest = "manifest" // never ours
)

// InitChoices lists the values of --init.
var InitChoices = []string{InitAuto, InitBuiltin, InitManifest}

// builtin is System.Init where PID 1 is ours.
const builtin = "builtin"

// systemFolders are what PID 1 mounts on or writes to, with their modes. A read-only root cannot grow them later.
var systemFolders = map[string]uint32{
	"dev": 0o755, "etc": 0o755, "mnt": 0o755, "proc": 0o755, "run": 0o755, "sys": 0o755, "tmp": 0o1777, "var": 0o755,
}

// null is there before PID 1 is: the kernel runs modprobe without standard files, and Go's
// runtime opens this in their place or gives up.
const null = "dev/null"

// commands are the names by which PID 1 is called as a command; it acts by the name.
var commands = []string{"sbin/init", "sbin/modprobe", "sbin/poweroff", "sbin/reboot", "sbin/halt", "usr/bin/linuxkit-init"}

// init decides whose PID 1 the system has, and puts ours in.
func (l *layout) init() error {
	l.account()
	theirs, found := l.Root.Get("init")
	switch {
	case found && !l.wantsOurs():
		l.Init = theirs.Origin.String()
		return nil
	case l.opts.Init == InitManifest:
		return fmt.Errorf("--init manifest, but no init image has /init; add linuxkit/init to init:, or leave --init away")
	}
	l.Init = builtin
	binary, err := payload.Init(l.Arch)
	if err != nil {
		return err
	}
	return l.ours(binary)
}

// wantsOurs reports whether our PID 1 goes over that of an init image.
func (l *layout) wantsOurs() bool {
	return l.opts.Init == InitBuiltin || l.opts.Init == InitAuto && l.manifest.WantsInit()
}

func (l *layout) ours(binary []byte) error {
	l.protectVolumes()
	ours := tree.Origin{Source: sourceInit, Location: "init", Place: "the built-in PID 1"}
	l.Root.Remove("init")
	if err := l.Root.Put("init", tree.File(0o755, binary).From(ours)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(systemFolders)) {
		if _, exists := l.Root.Get(name); exists {
			continue
		}
		if err := l.Root.Put(name, tree.Folder(systemFolders[name]).From(ours)); err != nil {
			return err
		}
	}
	if _, exists := l.Root.Get(null); !exists {
		if err := l.Root.Put(null, tree.CharDevice(0o666, 1, 3).From(ours)); err != nil {
			return err
		}
	}
	for _, name := range commands {
		if old, exists := l.Root.Get(name); exists && old.Type != tar.TypeDir && !l.wantsOurs() {
			continue // the manifest brings its own
		}
		if err := l.Root.Put(name, tree.Symlink("/init").From(ours)); err != nil {
			return err
		}
	}
	return nil
}
