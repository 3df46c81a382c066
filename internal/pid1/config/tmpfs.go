package config

import (
	"strconv"
	"strings"
)

// Tmpfs is the sizes of the file systems in memory. Those of zero have the default, a share of the
// memory that is available at boot (package early).
type Tmpfs struct{ Run, Tmp, Var, Shm, Containers Size }

// Size is a share of the available memory in percent, or a number of bytes.
type Size struct {
	Percent int
	Bytes   int64
}

// tmpfs returns the keys of a Tmpfs.
func (d *decoder) tmpfs(to *Tmpfs) []field {
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
