package cli

import "runtime/debug"

// release is the version of a released container; its build sets it by the linker.
var release string

// version returns the released version, the version of the module, or "devel".
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
