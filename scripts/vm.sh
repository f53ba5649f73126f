#!/usr/bin/env bash
# Runs a program as root inside a small virtual machine with another kernel.
#
#   scripts/vm.sh KERNEL PROGRAM [FILE...] -- SHELL-SCRIPT
#
# KERNEL    a Debian suite (bullseye 5.10, bookworm 6.1, trixie 6.12, sid), whose cloud kernel is
#           fetched with apt, or the path of a bzImage
# PROGRAM   a binary; it and the libraries it needs go into the machine as /bin/NAME
# FILE      more binaries or data files, put into /data
# SCRIPT    run by busybox sh; its output is printed, its exit status is ours
#
# The machine is emulated (TCG: no KVM needed), has one disk in memory and no network. Kernels and
# modules are cached in ${PEREGRINE_VM_CACHE:-target/vm}.
set -euo pipefail

kernel=${1:?kernel}; program=${2:?program}; shift 2
files=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do files+=("$1"); shift; done
shift || true
script=${1:-"exec /bin/$(basename "$program")"}

for tool in qemu-system-x86_64 busybox cpio dpkg-deb; do
  command -v $tool >/dev/null || { echo "skipped: $tool is missing (qemu-system-x86 busybox-static cpio)"; exit 77; }
done

case $kernel in
  */*) image=$kernel ;;
  *) image=$("$(dirname "$0")/vm-kernel.sh" "$kernel") ;;
esac

root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,etc,proc,sys,dev,tmp,run,data,lib64,lib/x86_64-linux-gnu,usr/bin}
cp "$(command -v busybox)" "$root/bin/busybox"
copy_with_libraries() {
  cp "$1" "$2"
  ldd "$1" 2>/dev/null | grep -oE '/[^ ]+' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"; cp -Ln "$library" "$root$library" 2>/dev/null || true
  done || true # no libraries: a data file, a static binary
}
copy_with_libraries "$program" "$root/bin/"
for file in "${files[@]}"; do copy_with_libraries "$file" "$root/data/"; done
printf 'root:x:0:0:root:/root:/bin/sh\n' >"$root/etc/passwd"; printf 'root:x:0:\n' >"$root/etc/group"
printf '%s\n' "$script" >"$root/run.sh"
cat >"$root/init" <<'EOF'
#!/bin/busybox sh
/bin/busybox --install -s /bin 2>/dev/null
export PATH=/bin HOME=/ TERM=dumb
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev 2>/dev/null
mount -t tracefs trace /sys/kernel/tracing 2>/dev/null; mount -t cgroup2 cg /sys/fs/cgroup 2>/dev/null
mount -t bpf bpf /sys/fs/bpf 2>/dev/null
ip link set lo up 2>/dev/null; ifconfig lo 127.0.0.1 up 2>/dev/null
ulimit -l unlimited
echo "vm: $(uname -r)"
cd /; sh /run.sh; echo "vm-exit: $?"
poweroff -f
EOF
chmod +x "$root/init"
initrd=$root.cpio.gz
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$initrd"
log=$(mktemp)
timeout "${PEREGRINE_VM_TIMEOUT:-300}" qemu-system-x86_64 -accel tcg -cpu max -smp "${PEREGRINE_VM_CPUS:-2}" \
  -m "${PEREGRINE_VM_MIB:-1024}" -nographic -no-reboot -nodefaults -serial stdio \
  -kernel "$image" -initrd "$initrd" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off ${PEREGRINE_VM_APPEND:-}" </dev/null | tee "$log" || true
rm -f "$initrd"
status=$(grep -aoE 'vm-exit: [0-9]+' "$log" | tail -1 | grep -oE '[0-9]+' || true); rm -f "$log"
[ -n "$status" ] || { echo "vm: the machine did not finish"; exit 1; }
exit "$status"
