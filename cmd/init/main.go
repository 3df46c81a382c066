// Command init is PID 1 of the machines this project builds: the builder puts
// it into the image as /init, and links modprobe, poweroff, reboot, halt and
// linuxkit-init, the operator's tool, to it.
//
// The first process is in no cgroup that bounds its processors, and to look for
// one takes longer than modprobe's work.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import (
	"os"

	"github.com/org/linuxkit-action/internal/pid1"
)

func main() { os.Exit(pid1.Main(os.Args)) }
