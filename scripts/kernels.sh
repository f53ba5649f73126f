#!/usr/bin/env bash
# Loads the probe on the kernels of several Debian releases, with both rungs, and prints what came
# of it; then lets the whole engine detect something on one of them.
#
#   scripts/kernels.sh [SUITE...]        default: bullseye bookworm trixie sid
#
# Exit status: 1 if a kernel that should work does not, 77 if the machine cannot be emulated here.
# Each run takes a minute or two: everything is emulated, one machine at a time.
set -uo pipefail
cd "$(dirname "$0")/.."
cargo=${CARGO:-cargo}
suites=("$@"); [ ${#suites[@]} -gt 0 ] || suites=(bullseye bookworm trixie sid)
for tool in qemu-system-x86_64 busybox cpio dpkg-deb; do
  command -v $tool >/dev/null || { echo "skipped: $tool is missing (qemu-system-x86 busybox-static cpio)"; exit 77; }
done
built=${CARGO_TARGET_DIR:-target}/debug
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

# Not called watch in the machine: busybox has a watch of its own.
$cargo build -q --locked -p peregrine-probe --example watch || exit 1
strip -o "$work/kernel-watch" "$built/examples/watch"
failed=0

# Something to see: programs start, open files and end, for as long as the machine runs.
acts='(while :; do sleep 1; ls /bin >/dev/null; cat /etc/passwd >/dev/null; done) &'

# count LOG EVENT...: records of these events
count() { local log=$1; shift; local sum=0 event n
  for event in "$@"; do n=$(awk -v e="$event" '$2 == e {print $1}' "$log" | head -1); sum=$((sum + ${n:-0})); done
  echo $sum
}

row() { printf '%-10s %-28s %-9s %-8s %6s %6s %6s %6s %-14s %s\n' "$@"; }
row suite kernel rung loaded execs births exits opens drops verdict
for suite in "${suites[@]}"; do
  for rung in sys-exit fexit; do
    log=$work/$suite.$rung
    scripts/vm.sh "$suite" "$work/kernel-watch" -- "$acts kernel-watch 8 $rung 2>&1" 2>&1 | tr -d '\r' >"$log"
    kernel=$(sed -n 's/.*vm: \([0-9][^ ]*\)$/\1/p' "$log" | head -1)
    if [ -z "$kernel" ]; then
      row "$suite" - $rung - - - - - - "skipped: $(tail -1 "$log" | cut -c1-90)"
      continue
    fi
    execs=$(count "$log" execve execveat) births=$(count "$log" fork_marker)
    exits=$(count "$log" procexit) opens=$(count "$log" open openat openat2 creat)
    loaded=$(sed -n 's/^loaded in \([0-9]*\.\?[0-9]\{0,1\}\)[0-9]*\(m\?s\).*/\1\2/p' "$log")
    drops=$(sed -n 's/^0 malformed, drops //p' "$log")
    if [ "$execs" -gt 0 ] && [ "$births" -gt 0 ] && [ "$exits" -gt 0 ] && [ "$opens" -gt 0 ] && [ "$drops" = "[]" ]; then
      verdict=ok
    elif [ $rung = fexit ] && grep -q 'may crash when fexit is detached' "$log"; then
      verdict="ok: refused, the kernel is on the deny list"
    else
      verdict="FAILED: $(grep -aE '^Error|panic|left out' "$log" | tail -1 | cut -c1-120)"; failed=1
    fi
    out=$(grep -ac '^left out' "$log"); [ "$out" = 0 ] || verdict="$verdict, $out programs left out"
    row "$suite" "$kernel" $rung "${loaded:--}" "$execs" "$births" "$exits" "$opens" "${drops:--}" "$verdict"
  done
done

# The whole engine, from a rules file to an alert.
$cargo build -q --locked -p peregrine --bin peregrine || exit 1
strip -o "$work/peregrine" "$built/peregrine"
cat >"$work/kernels.yaml" <<'RULES'
- rule: shadow read
  desc: A program reads the password hashes.
  condition: evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.name=/etc/shadow
  output: file=%fd.name proc=%proc.name
  priority: WARNING
RULES
scripts/vm.sh bookworm "$work/peregrine" "$work/kernels.yaml" -- \
  "echo x >/etc/shadow; (while :; do sleep 1; cat /etc/shadow >/dev/null; done) &
   peregrine run --duration 8 --json --hook fexit -r /data/kernels.yaml 2>&1" 2>&1 | tr -d '\r' >"$work/run"
if grep -aq '"rule": *"shadow read"' "$work/run"; then
  echo "bookworm: peregrine run, fexit: alerts"
elif ! grep -aq 'vm: [0-9]' "$work/run"; then
  echo "bookworm: peregrine run: skipped: $(tail -1 "$work/run" | cut -c1-90)"
else
  echo "bookworm: peregrine run, fexit: FAILED"; tail -5 "$work/run" | cut -c1-200; failed=1
fi
exit $failed
