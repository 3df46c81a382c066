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

// Paths of the two programs.
const (
	initPath     = "init"
	operatorPath = "usr/bin/linuxkit-init"
)

// links are links to the program that acts by the name it is called with. The kernel calls
// modprobe, before PID 1 runs and whenever it needs a module, so PID 1 is that command.
var links = map[string]string{
	"sbin/init": initPath, "sbin/modprobe": initPath,
	"sbin/poweroff": operatorPath, "sbin/reboot": operatorPath, "sbin/halt": operatorPath,
}

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
	return a.installInit()
}

// replacesInit reports whether the built-in PID 1 replaces /init of the manifest.
func (a *assembler) replacesInit() bool {
	return a.opts.Init == InitBuiltin || a.opts.Init == InitAuto && a.manifest.RequestsBuiltinInit()
}

// installInit adds the built-in PID 1 and the operator's command, with the folders and
// links that they need.
func (a *assembler) installInit() error {
	a.protectReadonlyVolumes()
	origin := tree.Origin{Source: sourceInit, Location: "init", Place: "the built-in PID 1"}
	for _, name := range slices.Sorted(maps.Keys(systemFolders)) {
		if err := a.putIfAbsent(name, tree.Folder(systemFolders[name]).From(origin)); err != nil {
			return err
		}
	}
	if err := a.putIfAbsent(devNull, tree.CharDevice(0o666, 1, 3).From(origin)); err != nil {
		return err
	}
	a.Root.Remove(initPath)
	for path, program := range map[string]string{initPath: payload.Init, operatorPath: payload.Operator} {
		binary, err := payload.Program(program, a.Arch)
		if err != nil {
			return err
		}
		if err := a.putCommand(path, tree.File(0o755, binary).From(origin)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if err := a.putCommand(name, tree.Symlink("/"+links[name]).From(origin)); err != nil {
			return err
		}
	}
	return nil
}

// putCommand adds a command, unless the manifest provides it.
func (a *assembler) putCommand(name string, inode *tree.Inode) error {
	if old, exists := a.Root.Get(name); exists && old.Type != tar.TypeDir && !a.replacesInit() {
		return nil
	}
	return a.Root.Put(name, inode)
}

func (a *assembler) putIfAbsent(name string, inode *tree.Inode) error {
	if _, exists := a.Root.Get(name); exists {
		return nil
	}
	return a.Root.Put(name, inode)
}
