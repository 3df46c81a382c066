// Command action is the program of the GitHub Action: internal/cli, which
// cmd/linuxkit-action also is. It stays for users who build it by this path.
package main

import (
	"os"

	"github.com/org/linuxkit-action/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:])) }
