#!/usr/bin/env bash
# The image without an engine for containers: a root file system with what the Dockerfile copies, run
# by crun with the capabilities and mounts of the Kubernetes manifest. An alert has to come, with the
# paths of a process of the host, and the capabilities have to be gone.
#
#   scripts/image-test.sh [BINARY]       default: what `make static` builds
#
# Exit status: 1 if it does not work, 77 if it cannot be tried here.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
binary=${1:-$target/$(uname -m)-unknown-linux-gnu/release/peregrine}
command -v crun >/dev/null || { echo "skipped: crun is missing"; exit 77; }
[ "$(id -u)" = 0 ] || { echo "skipped: loading the probe needs root"; exit 77; }
[ -x "$binary" ] || { echo "there is no $binary: run make static" >&2; exit 1; }
if ldd "$binary" 2>/dev/null | grep -q '=>'; then echo "FAILED: $binary needs libraries"; exit 1; fi

# The manifest's own words.
manifest=packaging/kubernetes/peregrine.yaml
capabilities=$(sed -n 's/^ *add: \[\(.*\)\]/\1/p' "$manifest" | tr -d ' ' | sed 's/\([A-Z_]*\)/"CAP_\1"/g')
[ -n "$capabilities" ] || { echo "FAILED: the manifest adds no capabilities"; exit 1; }

# Control groups are the business of an engine, and crun refuses to start beside both versions of them.
container() {
  unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun --cgroup-manager=disabled "$@"' crun "$@"
}

work=$(mktemp -d); name=peregrine-image-test-$$
finish() { container delete -f $name >/dev/null 2>&1 || true; rm -rf "$work"; }
trap finish EXIT
mkdir -p "$work"/rootfs/{usr/bin,etc/ssl/certs,etc/peregrine/rules,proc,sys,dev,tmp}
cp "$binary" "$work/rootfs/usr/bin/peregrine"; strip "$work/rootfs/usr/bin/peregrine"
cp /etc/ssl/certs/ca-certificates.crt "$work/rootfs/etc/ssl/certs/" 2>/dev/null || true
touch "$work/rootfs/etc/passwd" "$work/rootfs/etc/group"
marked=$work/marked; echo x >"$marked"; chmod 755 "$work"; chmod 644 "$marked"
cat >"$work/rules.yaml" <<RULES
- rule: marked file read
  desc: Somebody on the host reads the file.
  condition: evt.type in (open, openat, openat2) and evt.is_open_read=true and fd.name = $marked
  output: file=%fd.name exe=%proc.exepath cwd=%proc.cwd user=%user.name
  priority: WARNING
RULES
cat >"$work/config.json" <<JSON
{ "ociVersion": "1.0.2",
  "process": {
    "user": {"uid": 0, "gid": 0}, "cwd": "/", "noNewPrivileges": true,
    "env": ["PATH=/usr/bin", "FALCO_HOSTNAME=node-1"],
    "args": ["/usr/bin/peregrine", "run", "--drop-privileges", "--rules", "/etc/peregrine/rules", "--json"],
    "capabilities": {"bounding": [$capabilities], "effective": [$capabilities], "permitted": [$capabilities]}
  },
  "root": {"path": "rootfs", "readonly": true},
  "mounts": [
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "ro", "nosuid", "noexec", "nodev"]},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {"destination": "/etc/passwd", "type": "none", "source": "/etc/passwd", "options": ["bind", "ro"]},
    {"destination": "/etc/group", "type": "none", "source": "/etc/group", "options": ["bind", "ro"]},
    {"destination": "/etc/peregrine/rules/rules.yaml", "type": "none", "source": "$work/rules.yaml", "options": ["bind", "ro"]}
  ],
  "linux": {"namespaces": [{"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]}
}
JSON
echo "image: $(du -sm "$work/rootfs" | cut -f1) MB, capabilities: $(tr -d '"' <<<"$capabilities")"
container run --bundle "$work" $name >"$work/alerts" 2>"$work/log" &
engine=$!
fail() { echo "FAILED: $1"; cat "$work/log"; tail -n 3 "$work/alerts"; kill $engine 2>/dev/null; exit 1; }
wait_for() { # WHAT COMMAND...
  local what=$1; shift
  for _ in $(seq 300); do "$@" && return; kill -0 $engine 2>/dev/null || break; sleep 0.2; done
  fail "$what"
}
wait_for "it is not ready" grep -q 'ready:' "$work/log"
sed -n 's/^.*privileges:/privileges:/p; s/^.*ready:/ready:/p' "$work/log"
mkdir "$work/closed"; chown 1:1 "$work/closed"; chmod 700 "$work/closed"
alerted() { (cd "$work/closed" && setpriv --reuid 1 --regid 1 --clear-groups cat "$marked" >/dev/null); grep -q '"rule": *"marked file read"' "$work/alerts"; }
wait_for "no alert" alerted
alert=$(grep '"rule": *"marked file read"' "$work/alerts" | tail -1)
for part in "$work/closed" "/cat" "user=$(id -un 1)" '"hostname": *"node-1"'; do
  grep -q "$part" <<<"$alert" || fail "the alert has no $part: $alert"
done
echo "alert: $(sed 's/.*"output": *"\([^"]*\)".*/\1/' <<<"$alert" | cut -c1-160)"
pid=$(container state $name | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p')
sets=$(cat "/proc/$pid"/task/*/status | grep -E '^Cap(Eff|Prm):' | sort -u | tr '\n\t' '  ')
[ "$sets" = "CapEff: 0000000000080004 CapPrm: 0000000000080004 " ] || fail "capabilities are left: $sets"
echo "threads: $sets"
container kill $name TERM
wait $engine || fail "it did not end well"
echo "ok"
