package cli

import "runtime/debug"

// release is set by the linker in a released program.
var release string

// version returns the released version, or the module's, or "devel".
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}
