#!/usr/bin/env bash
# The image without an engine for containers: buildah builds the Dockerfile's last stage from a binary
# that is here (its first stage, which would fetch a compiler, is replaced by a folder), crun runs it
# with the capabilities and mounts of the Kubernetes manifest. An alert has to come, with the paths of
# a process of the host, and the capabilities have to be gone. Without buildah the root file system is
# put together by hand.
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
# What the Dockerfile's first stage leaves to the second.
mkdir -p "$work"/build/etc/ssl/certs "$work/nothing"
cp "$binary" "$work/build/peregrine"; strip "$work/build/peregrine"
cp /etc/ssl/certs/ca-certificates.crt "$work/build/etc/ssl/certs/"
if command -v buildah >/dev/null; then
  store() { buildah --storage-driver vfs --root "$work/store" --runroot "$work/store.run" "$@"; }
  store build -q --isolation chroot --build-context build="$work/build" \
    -f packaging/docker/Dockerfile -t peregrine "$work/nothing" >/dev/null
  entry=$(store inspect --type image --format '{{range .OCIv1.Config.Entrypoint}}{{.}}{{end}}' peregrine)
  [ "$entry" = /usr/bin/peregrine ] || { echo "FAILED: the image starts '$entry'"; exit 1; }
  rootfs=$(store mount "$(store from --pull=never peregrine)")
  echo "image: built from packaging/docker/Dockerfile by $(buildah --version | cut -d' ' -f1-3)"
else
  echo "image: buildah is missing, so the Dockerfile is not built; its files are put together by hand"
  rootfs=$work/rootfs; entry=/usr/bin/peregrine
  mkdir -p "$rootfs"/usr/bin
  cp "$work/build/peregrine" "$rootfs/usr/bin/"; cp -r "$work/build/etc" "$rootfs/"
fi
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
    "args": ["$entry", "run", "--drop-privileges", "--rules", "/etc/peregrine/rules", "--json"],
    "capabilities": {"bounding": [$capabilities], "effective": [$capabilities], "permitted": [$capabilities]}
  },
  "root": {"path": "$rootfs", "readonly": true},
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
echo "image: $(du -sm "$rootfs" | cut -f1) MB, capabilities: $(tr -d '"' <<<"$capabilities")"
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
