package build

import (
	"archive/tar"
	"errors"
	"maps"
	"slices"

	"github.com/org/linuxkit-action/internal/build/payload"
	"github.com/org/linuxkit-action/internal/component/tree"
)

// Values of --init.
const (
	InitAuto     = "auto"     // the built-in PID 1, unless an init image contains /init
	InitBuiltin  = "builtin"  // the built-in PID 1, replacing /init of the manifest
	InitManifest = "manifest" // never the built-in PID 1
)

// InitChoices lists the values of --init.
var InitChoices = []string{InitAuto, InitBuiltin, InitManifest}

// builtin is System.Init for the built-in PID 1.
const builtin = "builtin"

// systemFolders are the folders that PID 1 mounts on or writes to, with their modes. They
// are made at build time because the root may be read-only at boot.
var systemFolders = map[string]uint32{
	"dev": 0o755, "etc": 0o755, "mnt": 0o755, "proc": 0o755, "run": 0o755, "sys": 0o755, "tmp": 0o1777, "var": 0o755,
}

// devNull must exist before PID 1 runs: the kernel starts modprobe without standard
// files, and the Go runtime opens /dev/null in their place or aborts.
const devNull = "dev/null"

// commands are links to PID 1, which acts by the name it is called with.
var commands = []string{"sbin/init", "sbin/modprobe", "sbin/poweroff", "sbin/reboot", "sbin/halt", "usr/bin/linuxkit-init"}

// chooseInit selects the PID 1 of the system, and installs the built-in one if needed.
func (a *assembler) chooseInit() error {
	a.listComponents()
	manifestInit, found := a.Root.Get("init")
	switch {
	case found && !a.replacesInit():
		a.Init = manifestInit.Origin.String()
		return nil
	case a.opts.Init == InitManifest:
		return errors.New("--init manifest: no init image contains /init; add linuxkit/init to init:, or omit --init")
	}
	a.Init = builtin
	binary, err := payload.Init(a.Arch)
	if err != nil {
		return err
	}
	return a.installInit(binary)
}

// replacesInit reports whether the built-in PID 1 replaces /init of the manifest.
func (a *assembler) replacesInit() bool {
	return a.opts.Init == InitBuiltin || a.opts.Init == InitAuto && a.manifest.RequestsBuiltinInit()
}

// installInit adds the built-in PID 1 with the folders and links that it needs.
func (a *assembler) installInit(binary []byte) error {
	a.protectReadonlyVolumes()
	origin := tree.Origin{Source: sourceInit, Location: "init", Place: "the built-in PID 1"}
	a.Root.Remove("init")
	if err := a.Root.Put("init", tree.File(0o755, binary).From(origin)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(systemFolders)) {
		if err := a.putIfAbsent(name, tree.Folder(systemFolders[name]).From(origin)); err != nil {
			return err
		}
	}
	if err := a.putIfAbsent(devNull, tree.CharDevice(0o666, 1, 3).From(origin)); err != nil {
		return err
	}
	for _, name := range commands {
		if old, exists := a.Root.Get(name); exists && old.Type != tar.TypeDir && !a.replacesInit() {
			continue // the manifest provides this command
		}
		if err := a.Root.Put(name, tree.Symlink("/init").From(origin)); err != nil {
			return err
		}
	}
	return nil
}

func (a *assembler) putIfAbsent(name string, inode *tree.Inode) error {
	if _, exists := a.Root.Get(name); exists {
		return nil
	}
	return a.Root.Put(name, inode)
}
