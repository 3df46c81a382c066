package modules

import (
	"reflect"
	"slices"
	"testing"
)

var processor = map[string]string{
	"modules.dep": `kernel/arch/x86/crypto/aesni-intel.ko: kernel/crypto/cryptd.ko
kernel/arch/x86/crypto/crc32c-intel.ko:
kernel/arch/x86/crypto/sha256-ssse3.ko:
kernel/drivers/cpufreq/acpi-cpufreq.ko:
kernel/arch/x86/kvm/kvm-intel.ko:
kernel/crypto/cryptd.ko:
`,
	"modules.alias": `alias cpu:type:x86,ven*fam*mod*:feature:*0099* aesni_intel
alias cpu:type:x86,ven*fam*mod*:feature:*0099* crc32c_intel
alias cpu:type:x86,ven*fam*mod*:feature:*0099* kvm_intel
alias cpu:type:x86,ven*fam*mod*:feature:*0099* sha256_ssse3
alias acpi*:ACPI0007:* acpi_cpufreq
alias crypto-aes aesni_intel
`,
}

const cpu = "cpu:type:x86,ven0000fam0006mod0006:feature:,0099,"

func TestWhatTheProcessorCanDoWithoutWaits(t *testing.T) {
	t.Parallel()
	for kind, files := range kinds(processor) {
		l, r := loaderOf(t, files)
		for _, alias := range []string{cpu, "acpi:ACPI0007:"} {
			if err := l.Load(alias); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
		}
		slices.Sort(r.files)
		if want := []string{"crc32c_intel", "kvm_intel"}; !reflect.DeepEqual(r.files, want) {
			t.Errorf("%s: loaded %q at once, want %q", kind, r.files, want)
		}
		later := l.Later()
		if !reflect.DeepEqual(later, []string{"aesni_intel", "sha256_ssse3", "acpi_cpufreq"}) || len(l.Later()) != 0 {
			t.Fatalf("%s: later: %q", kind, later)
		}
		r.files = nil
		if err := l.Load(later[0]); err != nil || !reflect.DeepEqual(r.files, []string{"cryptd", "aesni_intel"}) {
			t.Errorf("%s: then %q, %v", kind, r.files, err)
		}
	}
}

func TestACipherThatIsAskedForByNameDoesNotWait(t *testing.T) {
	t.Parallel()
	l, r := loaderOf(t, processor)
	if err := l.Load("crypto-aes"); err != nil || !slices.Contains(r.files, "aesni_intel") {
		t.Errorf("loaded %q, %v", r.files, err)
	}
}
