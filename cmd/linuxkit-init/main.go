// Command linuxkit-init controls a running LinuxKit machine: it sends requests to PID 1, which is
// command init. The builder installs it as /usr/bin/linuxkit-init, with links to it named poweroff,
// reboot and halt.
package main

import (
	"os"

	"github.com/org/linuxkit-action/internal/pid1/operator"
)

func main() { os.Exit(operator.Main(os.Args)) }
