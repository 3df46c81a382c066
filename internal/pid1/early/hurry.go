package early

import "github.com/org/linuxkit-action/internal/pid1/file"

// Hurry makes the kernel end RCU grace periods at once instead of in 10 to 30
// ms, at the price of interrupting all processors for it. Every mount, unmount
// and module load of a boot waits for such a period, so it is worth it until
// the machine is ready and has other things to do. A kernel that cannot boots
// as it always did.
func Hurry(on bool) {
	value := "0"
	if on {
		value = "1"
	}
	_ = file.Write("/sys/kernel/rcu_expedited", value)
}
