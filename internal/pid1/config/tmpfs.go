package config

import (
	"strconv"
	"strings"
)

// Tmpfs is the sizes of the file systems in memory: of /run, /tmp, /var and /dev/shm, and of what
// containers and volumes write to their own root.
type Tmpfs struct{ Run, Tmp, Var, Shm, Containers Size }

// Size is a share of the available memory in percent, or a number of bytes.
type Size struct {
	Percent int
	Bytes   int64
}

// defaultTmpfs are shares of the memory that is available at boot, after the kernel has unpacked the
// initramfs. Together they leave a fifth for processes: a machine whose file systems in memory are
// all full still runs. LinuxKit's sizes (10 %, 10 %, 50 % and no limit for the others) are shares of
// all memory and add up to more, and the kernel panics when no process is left to kill.
var defaultTmpfs = Tmpfs{
	Run: Size{Percent: 10}, Tmp: Size{Percent: 10}, Var: Size{Percent: 30}, Shm: Size{Percent: 10}, Containers: Size{Percent: 20},
}

// percent returns the sum of the shares.
func (t Tmpfs) percent() int {
	return t.Run.Percent + t.Tmp.Percent + t.Var.Percent + t.Shm.Percent + t.Containers.Percent
}

// tmpfs decodes a Tmpfs, whose shares must leave memory for processes.
func (d *decoder) tmpfs(to *Tmpfs) decode {
	return func(n node, at string) {
		sizes := *to
		d.mapping(n, at+".", d.sizes(&sizes))
		if sum := sizes.percent(); sum > maxTmpfs {
			d.invalid(n, at, "adds up to "+strconv.Itoa(sum)+"% of the memory, more than "+strconv.Itoa(maxTmpfs)+
				"%; make a share smaller, such as var, which has "+strconv.Itoa(sizes.Var.Percent)+"%")
			return
		}
		*to = sizes
	}
}

// maxTmpfs is the largest sum of shares, in percent.
const maxTmpfs = 95

// sizes returns the keys of a Tmpfs.
func (d *decoder) sizes(to *Tmpfs) []field {
	return []field{
		{"run", d.size(&to.Run)}, {"tmp", d.size(&to.Tmp)}, {"var", d.size(&to.Var)}, {"shm", d.size(&to.Shm)},
		{"containers", d.size(&to.Containers)},
	}
}

// units are the suffixes of a size, as of the option size of tmpfs.
const units = "kmg"

// size decodes a percentage or a number of bytes: 25%, 64m, 1g.
func (d *decoder) size(to *Size) decode {
	return func(n node, at string) {
		text := strings.ToLower(n.text)
		digits, isShare := strings.CutSuffix(text, "%")
		unit := -1
		if !isShare && digits != "" {
			if unit = strings.IndexByte(units, digits[len(digits)-1]); unit >= 0 {
				digits = digits[:len(digits)-1]
			}
		}
		number, err := strconv.ParseInt(digits, 10, 32)
		if n.kind != scalar || err != nil || number < 1 || isShare && number > 100 || !isShare && unit < 0 {
			d.invalid(n, at, "must be a share of the memory or a size, such as 25% or 64m"+actual(n))
			return
		}
		if isShare {
			*to = Size{Percent: int(number)}
			return
		}
		*to = Size{Bytes: number << (10 * (unit + 1))}
	}
}
