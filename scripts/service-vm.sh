#!/usr/bin/env bash
# The Debian package in a virtual machine with systemd: install, start, alert, reload, rotate,
# restart, page, stop, remove. What is tried is in scripts/service-vm/check.sh.
#
#   scripts/service-vm.sh [SUITE] [PNG]      default: bookworm (kernel 6.1); trixie has 6.12
#
# PEREGRINE_DEB     the package; default: the newest of target/debian, which scripts/package.sh builds
# PEREGRINE_ROOTFS  a Debian 12 system with systemd, dbus and logrotate; made with debootstrap otherwise
# PNG               a picture of the web page, taken through the machine's forwarded port with Chromium
#                   (chromium, node and playwright-core in $PLAYWRIGHT_MODULES or node_modules)
#
# The machine is emulated (no KVM needed) and takes some minutes. Exit status: 1 if something does
# not work, 77 if the machine cannot be emulated here.
set -euo pipefail
cd "$(dirname "$0")/.."
suite=${1:-bookworm} png=${2:-}
for tool in qemu-system-x86_64 busybox cpio mke2fs depmod chroot; do
  command -v $tool >/dev/null || { echo "skipped: $tool is missing (qemu-system-x86 busybox-static cpio e2fsprogs kmod)"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: a root file system is made as root"; exit 77; }
cache=${PEREGRINE_VM_CACHE:-$PWD/target/vm}
deb=${PEREGRINE_DEB:-$(ls -t "${CARGO_TARGET_DIR:-target}"/debian/*.deb 2>/dev/null | head -1 || true)}
[ -f "$deb" ] || { echo "there is no package: run scripts/package.sh" >&2; exit 1; }
kernel=$(scripts/vm-kernel.sh "$suite")
version=$(basename "$kernel"); version=${version#vmlinuz-}

rootfs=${PEREGRINE_ROOTFS:-$cache/rootfs}
if [ ! -e "$rootfs/etc/debian_version" ]; then
  command -v debootstrap >/dev/null || { echo "skipped: debootstrap is missing"; exit 77; }
  mirror=$(grep -rhoE '[a-z]+://[^ ]*/debian/?( |$)' /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null | sed -n 1p || true)
  debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,logrotate,libelf1,zlib1g,procps \
    bookworm "$rootfs" "$mirror" >&2
fi

chromium=$(command -v chromium || command -v chromium-browser || true)
modules=${PLAYWRIGHT_MODULES:-$PWD/node_modules}
if [ -n "$png" ] && { [ -z "$chromium" ] || [ ! -d "$modules/playwright-core" ]; }; then
  echo "no picture: there is no chromium, or no playwright-core in $modules"; png=
fi

work=$(mktemp -d); qemu=
# shellcheck disable=SC2329 # the trap calls it
finish() { [ -z "$qemu" ] || kill "$qemu" 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT
root=$work/root
cp -a "$rootfs" "$root"
cp "$deb" "$root/root/peregrine.deb"
echo "package: $(basename "$deb")"
chroot "$root" dpkg -i /root/peregrine.deb >"$work/dpkg" 2>&1 || { cat "$work/dpkg"; exit 1; }
chroot "$root" systemctl is-enabled peregrine >/dev/null || { echo "FAILED: the package does not enable the service"; exit 1; }

# The machine: one disk, a serial console, a network card whose port of the page is forwarded.
drivers=$(find "$cache/$suite" -type d -path '*/lib/modules/*' -name "$version" | head -1)
mkdir -p "$root/usr/local/sbin" "$root/usr/lib/modules/$version"
for module in net_failover failover virtio_net; do
  find "$drivers" -name "$module.ko*" -exec cp {} "$root/usr/lib/modules/$version/" \;
done
find "$root/usr/lib/modules/$version" -name '*.xz' -exec xz -d {} \;
cp "$(command -v busybox)" "$root/usr/local/sbin/busybox"
cp scripts/service-vm/check.sh "$root/usr/local/sbin/check"
cp scripts/service-vm/peregrine.yaml scripts/service-vm/rules.yaml "$root/root/"
echo service-vm >"$root/etc/hostname"
echo "/dev/vda / ext4 defaults 0 1" >"$root/etc/fstab"
cat >"$root/etc/systemd/system/check.service" <<UNIT
[Unit]
Description=The checks of scripts/service-vm.sh
After=peregrine.service
[Service]
Type=oneshot
ExecStart=/usr/local/sbin/check ${png:+picture}
StandardInput=tty
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
TimeoutStartSec=infinity
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../check.service "$root/etc/systemd/system/multi-user.target.wants/check.service"
ln -sf /dev/null "$root/etc/systemd/system/serial-getty@ttyS0.service"
mke2fs -q -t ext4 -d "$root" "$work/disk" 1G
rm -rf "$root"

# The initial file system finds the disk and goes there.
initial=$work/initial
mkdir -p "$initial"/{bin,dev,proc,sys,new,modules}
cp "$(command -v busybox)" "$initial/bin/busybox"
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
  find "$drivers" -name "$module.ko*" -exec cp {} "$initial/modules/" \;
done
find "$initial/modules" -name '*.xz' -exec xz -d {} \;
cat >"$initial/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev; mount -t proc proc /proc; mount -t sysfs sys /sys
for module in virtio virtio_ring virtio_pci_modern_dev virtio_pci_legacy_dev virtio_pci virtio_blk; do
  [ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
done
while [ ! -e /dev/vda ]; do sleep 1; done
mount -t ext4 /dev/vda /new && umount /proc /sys && mount --move /dev /new/dev
exec switch_root /new /lib/systemd/systemd
INIT
chmod +x "$initial/init"
(cd "$initial" && find . | cpio -o -H newc --quiet) >"$work/initrd"

port=${PORT:-18765}
mkfifo "$work/in"
qemu-system-x86_64 -accel tcg -cpu max -smp "${PEREGRINE_VM_CPUS:-2}" -m "${PEREGRINE_VM_MIB:-1536}" \
  -nographic -no-reboot -nodefaults -serial stdio \
  -drive "file=$work/disk,format=raw,if=virtio,cache=unsafe" \
  -netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-:8765" -device virtio-net-pci,netdev=net \
  -kernel "$kernel" -initrd "$work/initrd" \
  -append "console=ttyS0 quiet panic=-1 mitigations=off systemd.show_status=0" <"$work/in" >"$work/log" 2>&1 &
qemu=$!
exec 3>"$work/in"
echo "kernel: $version"
said() { tr -d '\r' <"$work/log" | grep -aE "^(check|kernel|page|done)" || true; }
shown=0
show() { said | tail -n "+$((shown + 1))"; shown=$(said | wc -l); }
end=$((SECONDS + ${PEREGRINE_VM_TIMEOUT:-1500}))
pictured= failed=0
while kill -0 "$qemu" 2>/dev/null && [ $SECONDS -lt $end ]; do
  show
  if [ -n "$png" ] && [ -z "$pictured" ] && said | grep -q '^page: ready'; then
    pictured=yes
    MODULES=$modules CHROMIUM=$chromium timeout 360 node scripts/service-vm/picture.mjs \
      "http://127.0.0.1:$port/?token=service-vm-0123456789" "$png" || { echo "FAILED: no picture"; failed=1; }
    echo >&3
  fi
  sleep 2
done
show
if ! said | grep -q '^done'; then
  echo "FAILED: the machine did not finish; its last words:"; tr -d '\r' <"$work/log" | tail -20
  exit 1
fi
if said | grep -q '^check.*FAILED'; then failed=1; fi
exit $failed
