package modules

import (
	"reflect"
	"slices"
	"testing"
)

var processorIndex = map[string]string{
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

func TestOptimizedCiphersAreDeferred(t *testing.T) {
	t.Parallel()
	for kind, files := range indexFormats(processorIndex) {
		l, r := newLoader(t, files)
		for _, alias := range []string{cpu, "acpi:ACPI0007:"} {
			if err := l.Load(alias); err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
		}
		slices.Sort(r.files)
		if want := []string{"crc32c_intel", "kvm_intel"}; !reflect.DeepEqual(r.files, want) {
			t.Errorf("%s: loaded %q at once, want %q", kind, r.files, want)
		}
		deferred := l.Deferred()
		if !reflect.DeepEqual(deferred, []string{"aesni_intel", "sha256_ssse3", "acpi_cpufreq"}) || len(l.Deferred()) != 0 {
			t.Fatalf("%s: deferred: %q", kind, deferred)
		}
		r.files = nil
		if err := l.Load(deferred[0]); err != nil || !reflect.DeepEqual(r.files, []string{"cryptd", "aesni_intel"}) {
			t.Errorf("%s: loaded %q, %v", kind, r.files, err)
		}
	}
}

func TestCipherRequestedByNameIsNotDeferred(t *testing.T) {
	t.Parallel()
	l, r := newLoader(t, processorIndex)
	if err := l.Load("crypto-aes"); err != nil || !slices.Contains(r.files, "aesni_intel") {
		t.Errorf("loaded %q, %v", r.files, err)
	}
}
