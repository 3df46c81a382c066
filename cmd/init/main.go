// Command init is PID 1 of a machine. The builder installs it as /init, with links to it
// named init and modprobe. The operator's command is linuxkit-init.
//
// The godebug settings disable the runtime's search for CPU limits in cgroups: PID 1 has
// none, and the search takes longer than a call of modprobe.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"github.com/org/linuxkit-action/internal/pid1"
)

func main() { os.Exit(pid1.Main(os.Args)) }
