#!/bin/bash
# Runs inside the machine of scripts/service-vm.sh, on its serial console, and switches it off.
# `check picture` waits for a line while somebody looks at the page.
failed=0
check() { # NAME COMMAND...: what it prints is shown only if it fails
  local name=$1 said; shift
  if said=$("$@" 2>&1); then echo "check: $name: ok"; else
    failed=1; echo "check: $name: FAILED: $(tr '\n' '|' <<<"$said" | tail -c 600)"
  fi
}
until_true() { # SECONDS COMMAND...
  local left=$1; shift
  while ! "$@"; do left=$((left - 1)); [ $left -gt 0 ] || return 1; sleep 1; done
}
log=/var/log/peregrine/alerts.log
alerts() { grep -c "\"rule\": *\"$1\"" $log 2>/dev/null || true; }
# The act: another user, in a folder that is closed to others, reads the file.
act() { (cd /srv/closed && setpriv --reuid 1 --regid 1 --clear-groups cat /root/marked >/dev/null); }
alerts_more_than() { act; [ "$(alerts "$1")" -gt "$2" ]; }
an_alert() { until_true 60 alerts_more_than "$1" "$(alerts "$1")"; }
ready() { [ "$(journalctl -u peregrine -b -o cat | grep -c 'ready:')" -ge "$1" ]; }

echo "kernel: $(uname -r), $(systemctl --version | head -1)"
mkdir -p /srv/closed; chown 1:1 /srv/closed; chmod 700 /srv/closed
chmod 755 /root; echo x >/root/marked

check "enabled by the package" systemctl is-enabled peregrine
check "active after the boot, as installed" until_true 180 systemctl is-active -q peregrine
check "ready" until_true 180 ready 1
journalctl -u peregrine -b -o cat | grep -aE 'ready:|privileges:' | sed 's/^/check: says: /'
in_journal() { cat /etc/shadow >/dev/null; journalctl -u peregrine -b -o cat | grep -q 'Password hashes read'; }
check "a built-in rule alerts, in the journal" until_true 60 in_journal

mkdir -p /etc/peregrine/rules.d
cp /root/peregrine.yaml /etc/peregrine/peregrine.yaml; cp /root/rules.yaml /etc/peregrine/rules.d/
check "restart with another configuration" systemctl restart peregrine
check "started means ready" ready 2
check "an alert in the file" an_alert "marked file read"
whole() { grep -a "\"cwd\|/srv/closed" $log | grep -q '/usr/bin/cat'; }
check "with exe and cwd of another user's process" whole

pid=$(systemctl show -p MainPID --value peregrine)
user() { [ "$(stat -c %U /proc/"$pid")" = peregrine ] || grep -q "^Uid:.*$(id -u peregrine)" /proc/"$pid"/status; }
check "runs as the user peregrine" user
few() { # every thread has CAP_DAC_READ_SEARCH and CAP_SYS_PTRACE and no more
  local sets; sets=$(cat /proc/"$pid"/task/*/status | grep -E '^Cap(Eff|Prm):' | sort -u)
  [ "$(grep -c 0000000000080004 <<<"$sets")" = 2 ] && [ "$(wc -l <<<"$sets")" = 2 ] || { echo "$sets"; return 1; }
}
check "every thread has two capabilities" few
none_new() { [ "$(cat /proc/"$pid"/task/*/status | grep '^NoNewPrivs:' | sort -u)" = "NoNewPrivs:	1" ]; }
check "no thread may get more" none_new

sed -i 's/marked file read/reloaded rule/' /etc/peregrine/rules.d/rules.yaml
check "systemctl reload" systemctl reload peregrine
check "its rule alerts" an_alert "reloaded rule"
sed -i 's/reloaded rule/asked for/' /etc/peregrine/rules.d/rules.yaml
check "peregrine reload" peregrine reload --socket /run/peregrine/control.sock
check "its rule alerts, too" an_alert "asked for"
echo "nonsense" >/etc/peregrine/rules.d/bad.yaml
refused() { ! peregrine reload --socket /run/peregrine/control.sock; }
check "a bad rules file is refused" refused
refused_too() { ! systemctl reload peregrine; }
check "systemctl reload says so, too" refused_too
rm /etc/peregrine/rules.d/bad.yaml
check "the rules before go on" an_alert "asked for"

check "logrotate" logrotate -f /etc/logrotate.d/peregrine
rotated() { [ -e $log.1 ] && [ -e $log ]; }
check "the file is opened anew" until_true 30 rotated
check "and written" an_alert "asked for"
mode() { [ "$(stat -c '%U %a' $log)" = "peregrine 640" ] || { stat -c '%U %G %a' $log; false; }; }
check "by its user, closed to others" mode

# There is neither udev nor kmod in the machine.
network() {
  for m in failover net_failover virtio_net; do busybox insmod /usr/lib/modules/"$(uname -r)"/$m.ko; done
  busybox ifconfig lo 127.0.0.1 up
  busybox ifconfig "$(basename /sys/class/net/e*)" 10.0.2.15 netmask 255.255.255.0 up
}
check "the network card" network
page() { busybox wget -q -O - --header 'Authorization: Bearer service-vm-0123456789' http://127.0.0.1:8765/ | grep -qi '<title'; }
check "the page" page
closed() { ! busybox wget -q -O - http://127.0.0.1:8765/; }
check "the page needs its token" closed
if [ "${1:-}" = picture ]; then
  # Something to see.
  (while :; do act; cp /bin/true /dev/shm/updater; /dev/shm/updater; chmod u+s /dev/shm/updater; sleep 4; done) & acting=$!
  sleep 15
  echo "page: ready"
  read -r -t 420 _
  kill $acting
fi

echo "check: security: $(systemd-analyze security peregrine --no-pager | tail -1)"
systemd-analyze security peregrine --no-pager | sed -n 's/^✗/check: open: /p' | sed 's/  */ /g'
echo "check: memory: $(systemctl show -p MemoryCurrent --value peregrine) bytes, peak RSS $(sed -n 's/^VmHWM:\s*//p' /proc/"$pid"/status)"

check "restart" systemctl restart peregrine
check "ready once more" until_true 180 ready 3
check "alerts" an_alert "asked for"
check "stop" systemctl stop peregrine
stopped() { [ "$(systemctl show -p ActiveState --value peregrine)" = inactive ] &&
  [ "$(systemctl show -p Result --value peregrine)" = success ]; }
check "stopped without a failure" stopped
check "start" systemctl start peregrine
check "remove" dpkg -r peregrine
gone() { [ ! -e /usr/bin/peregrine ] && ! systemctl is-active -q peregrine; }
check "stopped and gone" gone
rm -r /etc/peregrine/rules.d # ours, not the package's
check "purge" dpkg -P peregrine
left() { ! find /etc /usr /var /run -xdev -iname '*peregrine*' 2>/dev/null | grep .; }
check "nothing is left" left
echo "done: $failed"
sync
systemctl poweroff --force --force
