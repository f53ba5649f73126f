//! What is done: per rule an act and its harmless twin.
//!
//! An act runs in its scene, a directory whose name is the marker. Programs with the names that
//! rules ask for are copies of `true`, `sleep` and the shell; system calls without a command are
//! made by small perl scripts, which lie in the scene so that their command line carries the marker.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Why an act could not be done here.
pub type Result = std::result::Result<(), String>;

/// A rule's act and its twin.
pub struct Act {
    /// Name of the rule.
    pub rule: &'static str,
    /// What must alert.
    pub attack: fn(&Scene) -> Result,
    /// What must not.
    pub benign: fn(&Scene) -> Result,
}

/// Where an act happens.
pub struct Scene {
    dir: PathBuf,
    /// Text that every process of the act carries in its command line.
    pub marker: String,
}

impl Scene {
    /// Makes the directory.
    pub fn new(stage: &Path, marker: &str) -> Self {
        let dir = stage.join(marker);
        std::fs::create_dir(&dir).unwrap();
        Self { dir, marker: marker.to_owned() }
    }

    fn path(&self, name: &str) -> String {
        self.dir.join(name).to_string_lossy().into_owned()
    }

    /// A file of the scene, with its directories.
    fn file(&self, name: &str) -> String {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "marker\n").unwrap();
        path.to_string_lossy().into_owned()
    }

    /// A copy of a program under another name.
    fn program(&self, source: &str, name: &str) -> String {
        let path = self.path(name);
        std::fs::copy(source, &path).unwrap();
        path
    }

    /// Runs a program; the marker is its last argument. How it ends does not matter.
    fn run(&self, program: &str, args: &[&str]) -> Result {
        self.finish(Command::new(program).args(args).arg(&self.marker))
    }

    fn finish(&self, command: &mut Command) -> Result {
        let status = command
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.map(drop).map_err(|error| format!("{command:?}: {error}"))
    }

    /// Runs a command under a shell that goes by another name. The shell stays its parent.
    fn below(&self, shell: &str, command: &str) -> Result {
        let shell = self.program("/bin/sh", shell);
        self.finish(Command::new(shell).arg("-c").arg(format!("{command} {}; :", self.marker)))
    }

    /// Runs a perl script with `$dir` set; it must succeed.
    fn perl(&self, script: &str) -> Result {
        let path = self.path("act.pl");
        let head = format!("use strict; use POSIX; my $dir = '{}';\n", self.dir.display());
        std::fs::write(&path, head + script).unwrap();
        let output = Command::new("perl")
            .arg(&path)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("perl: {error}"))?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("perl: {}", String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    /// Opens a file as perl's `open` would, with `<`, `>`, `>>` or `+<`, and closes it.
    fn open(&self, mode: &str, path: &str) -> Result {
        self.perl(&format!("open(my $f, '{mode}', '{path}') or die qq({path}: $!);"))
    }

    /// Makes a file outside of the scene and removes it again.
    fn make_and_remove(&self, path: &str) -> Result {
        if Path::new(path).exists() {
            return Err(format!("{path} exists"));
        }
        self.perl(&format!(
            "open(my $f, '>>', '{path}') or die qq({path}: $!); unlink('{path}') or die $!;"
        ))
    }
}

const TRUE: &str = "/bin/true";

/// Forks a child that waits to be killed: `$child`.
const CHILD: &str = "my $child = fork // die $!; if (!$child) { sleep 100; exit } \
                     END { my $s = $?; kill 9, $child if $child; $? = $s } ";

/// A socket connected with itself over the loopback: `$c`.
const CONNECTED: &str = "use Socket; socket(my $l, AF_INET, SOCK_STREAM, 0) or die $!; \
    bind($l, sockaddr_in(0, INADDR_LOOPBACK)) or die $!; listen($l, 1) or die $!; \
    my ($port) = sockaddr_in(getsockname $l); socket(my $c, AF_INET, SOCK_STREAM, 0) or die $!; \
    connect($c, sockaddr_in($port, INADDR_LOOPBACK)) or die $!; ";

/// A system call by number.
fn call(number: libc::c_long, arguments: &str) -> String {
    format!("syscall({number}, {arguments})")
}

/// A domain name query to a server that need not exist.
fn query(pool: &str) -> String {
    format!(
        "use Socket; socket(my $s, AF_INET, SOCK_DGRAM, 0) or die $!; \
         connect($s, sockaddr_in(53, INADDR_LOOPBACK)) or die $!; \
         send($s, pack('nnnnnn', 7, 256, 1, 0, 0, 0) \
             . pack('C/a C/a C/a C nn', 'xmr', '{pool}', 'com', 0, 1, 1), 0) or die $!;"
    )
}

/// A socket of the unix domain in the scene, and a connection to it.
fn unix(name: &str) -> String {
    format!(
        "use Socket; my $at = sockaddr_un(qq($dir/{name})); \
         socket(my $l, AF_UNIX, SOCK_STREAM, 0) or die $!; bind($l, $at) or die $!; \
         listen($l, 1) or die $!; socket(my $c, AF_UNIX, SOCK_STREAM, 0) or die $!; \
         connect($c, $at) or die $!;"
    )
}

/// Mounts something in a mount namespace that ends with the process.
fn mount(source: &str, kind: &str, flags: u32) -> String {
    let unshare = call(libc::SYS_unshare, "0x20000");
    let private = call(libc::SYS_mount, "$none, $root, $none, 0x44000, 0");
    let mount = call(libc::SYS_mount, &format!("$source, $at, $kind, {flags}, 0"));
    format!(
        "my ($none, $root, $source, $kind) = ('none', '/', '{source}', '{kind}'); \
         my $at = qq($dir/at); mkdir $at or die $!; {unshare} == 0 or die qq(unshare: $!); \
         {private} == 0 or die qq(private: $!); {mount} == 0 or die qq(mount: $!);"
    )
}

/// Runs a copy of `sleep` and ends it with a signal.
fn end_sleeper(scene: &Scene, name: &str) -> Result {
    let program = scene.program("/bin/sleep", name);
    let mut sleeper =
        Command::new(program).arg("100").spawn().map_err(|error| format!("sleep: {error}"))?;
    // The rule asks for the name of another process, which may be learnt on another worker.
    std::thread::sleep(Duration::from_millis(500));
    let result = scene.perl(&format!("kill 15, {} or die $!;", sleeper.id()));
    let _ = sleeper.kill();
    let _ = sleeper.wait();
    result
}

/// A file of the central logs that this machine does not have.
fn unused_log() -> std::result::Result<&'static str, String> {
    ["/var/log/cron.log", "/var/log/daemon.log", "/var/log/user.log", "/var/log/maillog"]
        .into_iter()
        .find(|path| !Path::new(path).exists())
        .ok_or_else(|| "this machine has all logs".to_owned())
}

fn package_manager() -> std::result::Result<&'static str, String> {
    ["/usr/bin/dpkg", "/usr/bin/rpm", "/sbin/apk"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .ok_or_else(|| "no package manager".to_owned())
}

/// What people do all day: nothing of it may alert. Steps whose tools are missing are left out.
pub fn ordinary_work(scene: &Scene) -> Result {
    let mark = &scene.marker;
    let script = format!(
        r#"
        set -e
        cd "$1"
        id >/dev/null; ps >/dev/null || true; uname -a >/dev/null; hostname >/dev/null || true
        find . -name '*.c' >/dev/null; grep -r hello . >/dev/null || true
        mkdir -p tree/etc/cron.d tree/usr/bin; cp /bin/true tree/usr/bin/{mark}
        tar cf tree.tar tree; gzip tree.tar; tar xzf tree.tar.gz; chmod 755 tree/usr/bin/{mark}
        mv tree.tar.gz old.tar.gz; rm old.tar.gz; ln -s tree link; ln tree/usr/bin/{mark} hard
        if command -v cc; then
            printf '#include <stdio.h>
int main(void) {{ puts("{mark}"); return 0; }}
' >{mark}.c
            cc -O2 -o {mark} {mark}.c; ./{mark}; rm {mark}
        fi
        if command -v git; then
            export GIT_CONFIG_GLOBAL=/dev/null HOME="$1"
            git init -q repository; cd repository; echo {mark} >file; git add file
            git -c user.name=a -c user.email=a@example.org commit -qm {mark}; git gc -q; cd ..
        fi
        if command -v dpkg-deb && command -v dpkg; then
            mkdir -p package/DEBIAN package/etc package/usr/bin
            echo {mark} >package/etc/{mark}.conf; cp /bin/true package/usr/bin/{mark}
            printf 'Package: {mark}
Version: 1
Architecture: all
Maintainer: nobody
'                 >package/DEBIAN/control
            printf 'Description: test of the rules
' >>package/DEBIAN/control
            printf '/etc/{mark}.conf
' >package/DEBIAN/conffiles
            printf '#!/bin/sh
set -e
chmod 4755 /usr/bin/{mark}
echo >>/etc/{mark}.conf
'                 >package/DEBIAN/postinst
            chmod 755 package/DEBIAN/postinst
            dpkg-deb --build package {mark}.deb
            trap 'dpkg --purge {mark}' EXIT
            dpkg -i {mark}.deb
        fi
        "#
    );
    let path = scene.path("work.sh");
    std::fs::write(&path, script).unwrap();
    let output = Command::new("/bin/sh")
        .args([path.as_str(), &scene.path("")])
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("sh: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("work.sh: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Acts in the order in which they are done.
pub const ALL: &[Act] = &[
    Act {
        rule: "Program started from memory",
        attack: |s| {
            let memfd = call(libc::SYS_memfd_create, "my $name = 'act', 0");
            s.perl(&format!(
                "my $fd = {memfd}; $fd >= 0 or die $!; open(my $in, '<', '{TRUE}') or die $!; \
                 open(my $out, '>&=', $fd) or die $!; local $/; my $image = <$in>; \
                 print $out $image; $out->flush; \
                 exec {{ qq(/proc/self/fd/$fd) }} 'act', $dir or die $!;"
            ))
        },
        benign: |s| s.run(&s.program(TRUE, "act"), &[]),
    },
    Act {
        rule: "Miner started",
        attack: |s| s.run(&s.program(TRUE, "xmrig"), &[]),
        benign: |s| s.run("/bin/grep", &["-c", "stratum+tcp://", &s.file("notes")]),
    },
    Act {
        rule: "Netcat or socat runs a program for a connection",
        attack: |s| s.run(&s.program(TRUE, "nc"), &["-nve", "/bin/sh", "127.0.0.1", "9"]),
        benign: |s| s.run(&s.program(TRUE, "nc"), &["-nvz", "127.0.0.1", "9"]),
    },
    Act {
        rule: "Command line opens a reverse shell",
        attack: |s| s.run("/bin/sh", &["-c", ": 0<>/dev/tcp/127.0.0.1/9"]),
        benign: |s| s.run("/bin/sh", &["-c", ": </dev/null"]),
    },
    Act {
        rule: "Connection becomes standard input or output",
        attack: |s| s.perl(&format!("{CONNECTED} POSIX::dup2(fileno($c), 0) // die $!;")),
        benign: |s| {
            s.perl(&format!(
                "{CONNECTED} POSIX::dup2(fileno($c), 9) // die $!; pipe(my $r, my $w) or die $!; \
                 POSIX::dup2(fileno($r), 0) // die $!;"
            ))
        },
    },
    Act {
        rule: "Service started a program from a scratch directory",
        attack: |s| s.below("nginx", &s.program(TRUE, "payload")),
        benign: |s| s.below("nginx", TRUE),
    },
    Act {
        rule: "Service started a shell",
        attack: |s| s.below("redis-server", "/bin/sh -c :"),
        benign: |s| s.below("worker", "/bin/sh -c :"),
    },
    Act {
        rule: "Service looks around",
        attack: |s| s.below("apache2", "/usr/bin/id"),
        benign: |s| s.below("worker", "/usr/bin/id"),
    },
    Act {
        rule: "Package manager run by a service or in a container",
        attack: |s| s.below("nginx", &format!("{} --version", package_manager()?)),
        benign: |s| s.below("worker", &format!("{} --version", package_manager()?)),
    },
    Act {
        rule: "Program started from shared memory",
        attack: |s| {
            let path = format!("/dev/shm/{}", s.marker);
            std::fs::copy(TRUE, &path).map_err(|error| format!("{path}: {error}"))?;
            let result = s.run(&path, &[]);
            let _ = std::fs::remove_file(&path);
            result
        },
        benign: |s| s.run("/bin/ls", &["/dev/shm"]),
    },
    Act {
        rule: "Hidden file executed",
        attack: |s| s.run(&s.program(TRUE, ".act"), &[]),
        benign: |s| s.run(&s.program(TRUE, "act"), &[]),
    },
    Act {
        rule: "Library preloaded from a scratch directory",
        attack: |s| {
            let library = s.path("none.so");
            s.finish(Command::new(TRUE).arg(&s.marker).env("LD_PRELOAD", library))
        },
        benign: |s| {
            s.finish(Command::new(TRUE).arg(&s.marker).env("LD_PRELOAD", "/usr/lib/none.so"))
        },
    },
    Act {
        rule: "Data shredded",
        attack: |s| s.run("/usr/bin/shred", &["-u", &s.file("data")]),
        benign: |s| s.run("/bin/rm", &[&s.file("data")]),
    },
    Act {
        rule: "Search for keys or passwords",
        attack: |s| s.run("/bin/grep", &["-r", "BEGIN OPENSSH PRIVATE KEY"]),
        benign: |s| s.run("/bin/grep", &["-r", "BEGIN PUBLIC KEY"]),
    },
    Act {
        rule: "Password hashes read by unexpected program",
        attack: |s| s.open("<", "/etc/shadow"),
        benign: |s| s.open("<", "/etc/passwd"),
    },
    Act {
        rule: "SSH private key read by unexpected program",
        attack: |s| s.run("/bin/cat", &[&s.file(".ssh/id_ed25519")]),
        benign: |s| s.run("/bin/cat", &[&s.file(".ssh/id_ed25519.pub")]),
    },
    Act {
        rule: "Cloud or cluster credentials read by unexpected program",
        attack: |s| s.run("/bin/cat", &[&s.file(".aws/credentials")]),
        benign: |s| s.run("/bin/cat", &[&s.file(".aws/config")]),
    },
    Act {
        rule: "Symbolic link to a sensitive file",
        attack: |s| s.finish(Command::new("/bin/ln").args(["-s", "/etc/shadow", &s.path("link")])),
        benign: |s| {
            s.finish(Command::new("/bin/ln").args(["-s", "/etc/hostname", &s.path("link")]))
        },
    },
    Act {
        rule: "Hard link to a sensitive file",
        attack: |s| s.finish(Command::new("/bin/ln").args(["/etc/shadow", &s.path("link")])),
        benign: |s| s.finish(Command::new("/bin/ln").args([s.file("data"), s.path("link")])),
    },
    Act {
        rule: "Process attached to with ptrace",
        attack: |s| {
            let attach = call(libc::SYS_ptrace, "16, $child, 0, 0");
            let detach = call(libc::SYS_ptrace, "17, $child, 0, 0");
            s.perl(&format!("{CHILD} {attach} == 0 or die $!; waitpid $child, 0; {detach};"))
        },
        benign: |s| s.perl(&format!("{} == 0 or die $!;", call(libc::SYS_ptrace, "0, 0, 0, 0"))),
    },
    Act {
        rule: "Memory of another process read",
        attack: |s| {
            let read = call(libc::SYS_process_vm_readv, "$child, $local, 1, $remote, 1, 0");
            s.perl(&format!(
                "my $secret = 'x' x 64; my $buffer = ' ' x 64; {CHILD} \
                 my $local = pack('PQ', $buffer, 64); my $remote = pack('PQ', $secret, 64); \
                 {read} == 64 or die $!;"
            ))
        },
        benign: |s| s.open("<", "/proc/self/maps"),
    },
    Act {
        rule: "Memory of another process written",
        attack: |s| s.perl(&format!("{CHILD} open(my $f, '+<', qq(/proc/$child/mem)) or die $!;")),
        benign: |s| s.perl(&format!("{CHILD} open(my $f, '<', qq(/proc/$child/mem)) or die $!;")),
    },
    Act {
        rule: "Kernel memory opened",
        // A plain file under the name; no kernel of today has this device.
        attack: |s| s.make_and_remove("/dev/kmem"),
        benign: |s| s.open("<", "/proc/meminfo"),
    },
    Act {
        rule: "Security program signalled",
        attack: |s| end_sleeper(s, "auditd"),
        benign: |s| end_sleeper(s, "sleeper"),
    },
    Act {
        rule: "Security program switched off",
        attack: |s| s.run(&s.program(TRUE, "systemctl"), &["stop", "auditd"]),
        benign: |s| s.run(&s.program(TRUE, "systemctl"), &["status", "auditd"]),
    },
    Act {
        rule: "Kernel helper path opened for writing",
        attack: |s| {
            s.perl(
                "use Fcntl; sysopen(my $f, '/proc/sys/kernel/core_pattern', O_WRONLY) or die $!;",
            )
        },
        benign: |s| s.open("<", "/proc/sys/kernel/core_pattern"),
    },
    Act {
        rule: "Kernel module loaded by unexpected program",
        attack: |s| {
            let load = call(libc::SYS_init_module, "$image, 10, $arguments");
            s.perl(&format!(
                "my ($image, $arguments) = ('no module!', ''); {load} == -1 or die 'loaded';"
            ))
        },
        benign: |s| s.run("/bin/ls", &["/sys/module"]),
    },
    Act {
        rule: "BPF program loaded by unexpected program",
        attack: |s| {
            s.perl(&format!("my $attr = qq(\\0) x 48; {};", call(libc::SYS_bpf, "5, $attr, 48")))
        },
        benign: |s| {
            s.perl(&format!("my $attr = qq(\\0) x 48; {};", call(libc::SYS_bpf, "0, $attr, 48")))
        },
    },
    Act {
        rule: "User namespace created by unexpected program",
        attack: |s| s.perl(&format!("{} == 0 or die $!;", call(libc::SYS_unshare, "0x10000000"))),
        benign: |s| s.perl(&format!("{} == 0 or die $!;", call(libc::SYS_unshare, "0x04000000"))),
    },
    Act {
        rule: "Other namespace entered by unexpected program",
        attack: |s| {
            let enter = call(libc::SYS_setns, "fileno($f), 0x04000000");
            s.perl(&format!(
                "open(my $f, '<', '/proc/self/ns/uts') or die $!; {enter} == 0 or die $!;"
            ))
        },
        benign: |s| {
            let enter = call(libc::SYS_setns, "fileno($f), 0x40000000");
            s.perl(&format!(
                "open(my $f, '<', '/proc/self/ns/net') or die $!; {enter} == 0 or die $!;"
            ))
        },
    },
    Act {
        rule: "Host file system mounted",
        attack: |s| s.perl(&mount("/etc", "none", 0x1000)),
        benign: |s| s.perl(&mount("tmpfs", "tmpfs", 0)),
    },
    Act {
        rule: "Set-user-ID or set-group-ID bit set",
        attack: |s| s.perl(&format!("chmod 04755, '{}' or die $!;", s.file("tool"))),
        benign: |s| s.perl(&format!("chmod 0755, '{}' or die $!;", s.file("tool"))),
    },
    Act {
        rule: "Root identity taken without sudo or su",
        attack: |s| {
            let leave = call(libc::SYS_setresuid, "65534, 65534, 65534");
            let take = call(libc::SYS_setuid, "0");
            s.perl(&format!("{leave} == 0 or die $!; {take} == -1 or die 'became root';"))
        },
        benign: |s| s.perl(&format!("{} == 0 or die $!;", call(libc::SYS_setuid, "65534"))),
    },
    Act {
        rule: "Linker preload file changed",
        attack: |s| match Path::new("/etc/ld.so.preload").exists() {
            true => s.open(">>", "/etc/ld.so.preload"),
            false => s.make_and_remove("/etc/ld.so.preload"),
        },
        benign: |s| s.open("<", "/etc/ld.so.cache"),
    },
    Act {
        rule: "Sudo rules changed",
        // Names with a dot are not read by sudo.
        attack: |s| {
            let made = std::fs::create_dir("/etc/sudoers.d").is_ok();
            let result = s.make_and_remove("/etc/sudoers.d/act.off");
            if made {
                let _ = std::fs::remove_dir("/etc/sudoers.d");
            }
            result
        },
        benign: |s| s.make_and_remove(&s.path("sudoers")),
    },
    Act {
        rule: "Account files changed",
        attack: |s| s.open(">>", "/etc/passwd"),
        benign: |s| s.open("<", "/etc/passwd"),
    },
    Act {
        rule: "Authentication modules changed",
        attack: |s| s.make_and_remove("/etc/pam.d/act-off"),
        benign: |s| s.open("<", "/etc/pam.d/other"),
    },
    Act {
        rule: "SSH authorized keys changed",
        attack: |s| s.open(">>", &s.file(".ssh/authorized_keys")),
        benign: |s| s.open(">>", &s.file(".ssh/known_hosts")),
    },
    Act {
        rule: "Scheduled job changed",
        // Names with a dot are not read by cron.
        attack: |s| s.make_and_remove("/etc/cron.d/act.off"),
        benign: |s| s.open(">>", &s.file("cron.d/job")),
    },
    Act {
        rule: "Crontab installed or edited",
        attack: |s| s.run(&s.program(TRUE, "crontab"), &["-e"]),
        benign: |s| s.run(&s.program(TRUE, "crontab"), &["-l"]),
    },
    Act {
        rule: "Service unit written",
        attack: |s| s.open(">>", &s.file(".config/systemd/user/act.service")),
        benign: |s| s.open(">>", &s.file(".config/act/settings")),
    },
    Act {
        rule: "Shell startup file changed",
        attack: |s| s.open(">>", &s.file(".bashrc")),
        benign: |s| s.open("<", "/etc/profile"),
    },
    Act {
        rule: "System program changed",
        attack: |s| s.make_and_remove("/usr/bin/act-off"),
        benign: |s| s.make_and_remove(&s.path("bin")),
    },
    Act {
        rule: "Configuration below /etc changed by unexpected program",
        attack: |s| s.make_and_remove("/etc/act-off"),
        benign: |s| s.open("<", "/etc/hostname"),
    },
    Act {
        rule: "Log emptied or removed",
        attack: |s| {
            let log = unused_log()?;
            s.perl(&format!("open(my $f, '>', '{log}') or die $!; unlink('{log}') or die $!;"))
        },
        benign: |s| {
            let log = unused_log()?;
            let result = s.open(">>", log);
            let _ = std::fs::remove_file(log);
            result
        },
    },
    Act {
        rule: "Shell history removed or emptied",
        attack: |s| s.run("/bin/rm", &[&s.file(".bash_history")]),
        benign: |s| {
            // How shells themselves shorten it.
            let (new, old) = (s.file(".bash_history-1.tmp"), s.path(".bash_history"));
            s.perl(&format!("rename('{new}', '{old}') or die $!;"))
        },
    },
    Act {
        rule: "Raw or packet socket opened by unexpected program",
        attack: |s| s.perl("socket(my $s, 17, 3, 0) or die $!;"),
        benign: |s| s.perl("socket(my $s, 2, 2, 0) or die $!; socket(my $n, 16, 3, 0) or die $!;"),
    },
    Act {
        rule: "Name of a mining pool looked up",
        attack: |s| s.perl(&query("minexmr")),
        benign: |s| s.perl(&query("example")),
    },
    Act {
        rule: "Container engine socket used by unexpected program",
        attack: |s| s.perl(&unix("docker.sock")),
        benign: |s| s.perl(&unix("act.sock")),
    },
];
