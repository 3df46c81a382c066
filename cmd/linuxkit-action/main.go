// Command linuxkit-action turns a LinuxKit manifest into a verified, reproducible,
// boot-tested and signed image of an operating system. Without arguments, in a
// GitHub job, it is the Action. Package internal/cli has the code.
package main

import (
	"os"

	"github.com/org/linuxkit-action/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
