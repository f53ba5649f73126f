//! The field table: every field's name, type, print format, properties and description.
//!
//! This file is a table and the only place where a field is declared. Type checking, extraction
//! (by the variant of [`Field`]), `peregrine fields` and the documentation derive from it. Names,
//! types and formats are those of libsinsp and of Falco's container plugin.
//!
//! One entry reads `Variant "name" Type Format [properties] Argument Scope "description";`. The
//! properties are the constants of [`crate::catalogue::FieldFlags`], the arguments the variants
//! of [`crate::catalogue::ArgForm`].

use crate::catalogue::fields;

fields! {
    Generic {
        EvtNum "evt.num" Uint64 Id [] None Event
            "Number of the event, counted from the start of the capture or of the session.";
        EvtDegraded "evt.degraded" CharBuf Na [] None Event
            "Why the alert may rest on incomplete state: `late` if another partition was behind for longer than may be waited, `incomplete` if records of the process were lost. No value if the state was complete.";
        EvtTime "evt.time" CharBuf Na [] None Event
            "Time of the event in the configured form: local time of day with nanoseconds, or ISO 8601.";
        EvtTimeS "evt.time.s" CharBuf Na [] None Event
            "Local time of day of the event, without the fraction of a second.";
        EvtTimeIso8601 "evt.time.iso8601" CharBuf Na [] None Event
            "Date and time of the event in UTC, ISO 8601 with nanoseconds.";
        EvtDatetime "evt.datetime" CharBuf Na [] None Event
            "Local date and time of the event with nanoseconds.";
        EvtDatetimeS "evt.datetime.s" CharBuf Na [] None Event
            "Local date and time of the event, without the fraction of a second.";
        EvtRawtime "evt.rawtime" AbsTime Dec [] None Event
            "Time of the event in nanoseconds since the epoch.";
        EvtRawtimeS "evt.rawtime.s" AbsTime Dec [] None Event
            "Whole seconds of the event's time since the epoch.";
        EvtRawtimeNs "evt.rawtime.ns" AbsTime PaddedDec [] None Event
            "Fraction of a second of the event's time, in nanoseconds.";
        EvtReltime "evt.reltime" RelTime PaddedDec [] None Event
            "Nanoseconds since the first event.";
        EvtReltimeS "evt.reltime.s" RelTime Dec [] None Event
            "Whole seconds since the first event.";
        EvtReltimeNs "evt.reltime.ns" RelTime PaddedDec [] None Event
            "Fraction of a second of the time since the first event, in nanoseconds.";
        EvtPluginname "evt.pluginname" CharBuf Na [] None Event
            "Name of the plugin the event comes from.";
        EvtPlugininfo "evt.plugininfo" CharBuf Na [] None Event
            "What the plugin says about its event, in one line.";
        EvtSource "evt.source" CharBuf Na [] None Event
            "Name of the event source, such as `syscall`.";
        EvtIsAsync "evt.is_async" Bool Na [] None Event
            "Whether the event was injected by a component instead of the source itself.";
        EvtAsynctype "evt.asynctype" CharBuf Na [] None Event
            "Name of an injected event.";
        EvtHostname "evt.hostname" CharBuf Na [] None Event
            "Name of the host; FALCO_HOSTNAME in the environment overrides it.";
    }
    Syscall {
        EvtLatency "evt.latency" RelTime Dec [DEPRECATED] None Event
            "Always 0: entry events, which the latency was measured from, no longer exist.";
        EvtLatencyS "evt.latency.s" RelTime Dec [DEPRECATED] None Event
            "Always 0; see `evt.latency`.";
        EvtLatencyNs "evt.latency.ns" RelTime PaddedDec [DEPRECATED] None Event
            "Always 0; see `evt.latency`.";
        EvtLatencyQuantized "evt.latency.quantized" Uint64 Dec [HIDDEN DEPRECATED] None Event
            "Always without a value; see `evt.latency`.";
        EvtLatencyHuman "evt.latency.human" CharBuf Na [DEPRECATED] None Event
            "Always `0ns`; see `evt.latency`.";
        EvtDeltatime "evt.deltatime" RelTime Dec [] None Event
            "Nanoseconds since the event before this one.";
        EvtDeltatimeS "evt.deltatime.s" RelTime Dec [] None Event
            "Whole seconds since the event before this one.";
        EvtDeltatimeNs "evt.deltatime.ns" RelTime PaddedDec [] None Event
            "Fraction of a second of the time since the event before this one, in nanoseconds.";
        EvtOutputtime "evt.outputtime" CharBuf Na [PRINT_ONLY] None Event
            "Time of the event as the output settings choose; outputs only.";
        EvtDir "evt.dir" CharBuf Dir [DEPRECATED] None Event
            "`<` for an exit event, `>` for any other.";
        EvtType "evt.type" CharBuf Na [] None Event
            "Name of the event, such as `openat`; for a system call without an event of its own, the call's name.";
        EvtTypeIs "evt.type.is" Uint32 Dec [] EventType Event
            "1 if the event is of the named type, as in `evt.type.is.open`, else 0.";
        SyscallType "syscall.type" CharBuf Na [] None Event
            "As `evt.type`, but only for system calls.";
        EvtCategory "evt.category" CharBuf Na [] None Event
            "Category of the event, such as `file`, `net` or `process`.";
        EvtCpu "evt.cpu" Int16 Id [] None Event
            "Number of the CPU the event happened on.";
        EvtArgs "evt.args" CharBuf Na [] None Event
            "All arguments of the event as `name=value`, separated by blanks.";
        EvtArg "evt.arg" CharBuf Na [UNSTABLE] Param Event
            "One argument as text, by name (`evt.arg.flags`) or position (`evt.arg[0]`).";
        EvtRawarg "evt.rawarg" Dyn Na [NO_RHS NO_TRANSFORMER] RawParam Event
            "One argument by name (`evt.rawarg.flags`), in its own type instead of as text.";
        EvtInfo "evt.info" CharBuf Na [] None Event
            "Same as `evt.args`.";
        EvtBuffer "evt.buffer" ByteBuf Na [UNSTABLE] None Event
            "The data read, written, sent or received, as far as it was captured.";
        EvtBuflen "evt.buflen" Uint64 Dec [] None Event
            "Bytes captured of the data read, written, sent or received.";
        EvtRes "evt.res" CharBuf Dec [UNSTABLE] None Event
            "`SUCCESS`, or the name of the error the call returned, such as `ENOENT`.";
        EvtRawres "evt.rawres" Int64 Dec [] None Event
            "The number the call returned; negative for an error.";
        EvtFailed "evt.failed" Bool Na [] None Event
            "Whether the call returned an error.";
        EvtIsIo "evt.is_io" Bool Na [] None Event
            "Whether the call reads from or writes to a file descriptor.";
        EvtIsIoRead "evt.is_io_read" Bool Na [] None Event
            "Whether the call reads from a file descriptor.";
        EvtIsIoWrite "evt.is_io_write" Bool Na [] None Event
            "Whether the call writes to a file descriptor.";
        EvtIoDir "evt.io_dir" CharBuf Na [] None Event
            "`read` or `write` for calls that read or write.";
        EvtIsWait "evt.is_wait" Bool Na [] None Event
            "Whether the call waits, as sleep, select and poll do.";
        EvtWaitLatency "evt.wait_latency" RelTime Dec [DEPRECATED] None Event
            "Always 0 for waiting calls; see `evt.latency`.";
        EvtIsSyslog "evt.is_syslog" Bool Na [] None Event
            "Whether the event writes to `/dev/log`.";
        EvtCount "evt.count" Uint32 Dec [] None Event
            "Always 1, to count events.";
        EvtCountError "evt.count.error" Uint32 Dec [] None Event
            "1 for events that returned an error.";
        EvtCountErrorFile "evt.count.error.file" Uint32 Dec [] None Event
            "1 for file events that returned an error.";
        EvtCountErrorNet "evt.count.error.net" Uint32 Dec [] None Event
            "1 for network events that returned an error.";
        EvtCountErrorMemory "evt.count.error.memory" Uint32 Dec [] None Event
            "1 for memory events that returned an error.";
        EvtCountErrorOther "evt.count.error.other" Uint32 Dec [] None Event
            "1 for events of any other kind that returned an error.";
        EvtCountExit "evt.count.exit" Uint32 Dec [] None Event
            "1 for exit events.";
        EvtCountProcinfo "evt.count.procinfo" Uint32 Dec [HIDDEN] None Event
            "1 for process information events of main threads.";
        EvtCountThreadinfo "evt.count.threadinfo" Uint32 Dec [HIDDEN] None Event
            "1 for process information events.";
        EvtAround "evt.around" Uint64 Dec [FILTER_ONLY NO_RHS NO_TRANSFORMER] Time Event
            "True within a number of milliseconds around a time, as in `evt.around[1404996934793590564]=10000`.";
        EvtAbspath "evt.abspath" CharBuf Na [] PathChoice Event
            "Absolute path computed from the event's path, directory and working directory; `.src` and `.dst` choose the path of a call that has two.";
        EvtBuflenIn "evt.buflen.in" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data read or received.";
        EvtBuflenOut "evt.buflen.out" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data written or sent.";
        EvtBuflenFile "evt.buflen.file" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data read from or written to files.";
        EvtBuflenFileIn "evt.buflen.file.in" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data read from files.";
        EvtBuflenFileOut "evt.buflen.file.out" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data written to files.";
        EvtBuflenNet "evt.buflen.net" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data received from or sent to the network.";
        EvtBuflenNetIn "evt.buflen.net.in" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data received from the network.";
        EvtBuflenNetOut "evt.buflen.net.out" Uint64 Dec [HIDDEN] None Event
            "Bytes captured of data sent to the network.";
        EvtIsOpenRead "evt.is_open_read" Bool Na [] None Event
            "Whether a file was opened for reading.";
        EvtIsOpenWrite "evt.is_open_write" Bool Na [] None Event
            "Whether a file was opened for writing.";
        EvtInfraDockerName "evt.infra.docker.name" CharBuf Na [HIDDEN] None Event
            "Name of a Docker infrastructure event of an old capture.";
        EvtInfraDockerContainerId "evt.infra.docker.container.id" CharBuf Na [HIDDEN] None Event
            "Container id in a Docker infrastructure event.";
        EvtInfraDockerContainerName "evt.infra.docker.container.name" CharBuf Na [HIDDEN] None Event
            "Container name in a Docker infrastructure event.";
        EvtInfraDockerContainerImage "evt.infra.docker.container.image" CharBuf Na [HIDDEN] None Event
            "Image name in a Docker infrastructure event.";
        EvtIsOpenExec "evt.is_open_exec" Bool Na [] None Event
            "Whether a file was created with a permission to execute it.";
        EvtIsOpenCreate "evt.is_open_create" Bool Na [] None Event
            "Whether the open created the file.";
    }
    Process {
        ProcExe "proc.exe" CharBuf Na [] None Image
            "First argument of the command line (argv[0]), which the caller of exec chooses.";
        ProcPexe "proc.pexe" CharBuf Na [] None Event
            "`proc.exe` of the parent process.";
        ProcAexe "proc.aexe" CharBuf Na [NO_RHS NO_TRANSFORMER] OptionalIndex Event
            "`proc.exe` of an ancestor, counted in brackets; without brackets, that of any ancestor.";
        ProcExepath "proc.exepath" CharBuf Na [] None Image
            "Absolute path of the executable, as the kernel resolved it.";
        ProcPexepath "proc.pexepath" CharBuf Na [] None Event
            "`proc.exepath` of the parent process.";
        ProcAexepath "proc.aexepath" CharBuf Na [NO_RHS NO_TRANSFORMER] OptionalIndex Event
            "`proc.exepath` of an ancestor, counted in brackets; without brackets, that of any ancestor.";
        ProcName "proc.name" CharBuf Na [] None Image
            "Name of the process (comm), at most 15 characters.";
        ProcPname "proc.pname" CharBuf Na [] None Event
            "`proc.name` of the parent process.";
        ProcAname "proc.aname" CharBuf Na [NO_RHS NO_TRANSFORMER] OptionalIndex Event
            "`proc.name` of an ancestor, counted in brackets; without brackets, that of any ancestor.";
        ProcArgs "proc.args" CharBuf Na [] OptionalIndex Image
            "Arguments of the command line without the first; with a position in brackets, that argument.";
        ProcAargs "proc.aargs" CharBuf Na [] OptionalIndex Event
            "`proc.args` of an ancestor, counted in brackets.";
        ProcCmdline "proc.cmdline" CharBuf Na [] None Image
            "`proc.name` and `proc.args`.";
        ProcPcmdline "proc.pcmdline" CharBuf Na [] None Event
            "`proc.cmdline` of the parent process.";
        ProcAcmdline "proc.acmdline" CharBuf Na [NO_RHS NO_TRANSFORMER] OptionalIndex Event
            "`proc.cmdline` of an ancestor, counted in brackets; without brackets, that of any ancestor.";
        ProcCmdnargs "proc.cmdnargs" Uint64 Dec [] None Image
            "Number of arguments of the command line, without the first.";
        ProcCmdlenargs "proc.cmdlenargs" Uint64 Dec [] None Image
            "Characters of all arguments of the command line together, without the first and the blanks between.";
        ProcExeline "proc.exeline" CharBuf Na [] None Image
            "`proc.exe` and `proc.args`.";
        ProcEnv "proc.env" CharBuf Na [] OptionalIndexOrKey Image
            "Environment of the process; with a name in brackets, that variable.";
        ProcAenv "proc.aenv" CharBuf Na [NO_RHS NO_TRANSFORMER] OptionalIndexOrKey Event
            "`proc.env` of an ancestor, counted in brackets; with a name in brackets, that variable of the nearest ancestor that has it.";
        ProcCwd "proc.cwd" CharBuf Na [] None Event
            "Working directory, with a slash at its end.";
        ProcLoginshellid "proc.loginshellid" Int64 Id [] None Event
            "Process id of the oldest shell among the ancestors, if there is one.";
        ProcTty "proc.tty" Uint32 Id [] None Event
            "Controlling terminal as a device number, 0 for none.";
        ProcPid "proc.pid" Int64 Id [] None Event
            "Process id (tgid).";
        ProcPpid "proc.ppid" Int64 Id [] None Event
            "Process id of the parent.";
        ProcApid "proc.apid" Int64 Id [NO_RHS NO_TRANSFORMER] OptionalIndex Event
            "Process id of an ancestor, counted in brackets; without brackets, that of any ancestor.";
        ProcVpid "proc.vpid" Int64 Id [] None Event
            "Process id in the process's own pid namespace.";
        ProcPvpid "proc.pvpid" Int64 Id [] None Event
            "Process id of the parent in the parent's own pid namespace.";
        ProcSid "proc.sid" Int64 Id [] None Event
            "Session id.";
        ProcSname "proc.sname" CharBuf Na [] None Event
            "`proc.name` of the session leader or of the oldest known ancestor in the session.";
        ProcSidExe "proc.sid.exe" CharBuf Na [] None Event
            "`proc.exe` of the session leader or of the oldest known ancestor in the session.";
        ProcSidExepath "proc.sid.exepath" CharBuf Na [] None Event
            "`proc.exepath` of the session leader or of the oldest known ancestor in the session.";
        ProcVpgid "proc.vpgid" Int64 Id [] None Event
            "Process group id in the process's own pid namespace.";
        ProcVpgidName "proc.vpgid.name" CharBuf Na [] None Event
            "`proc.name` of the leader of the process group (by namespace id) or of the oldest known ancestor in it.";
        ProcVpgidExe "proc.vpgid.exe" CharBuf Na [] None Event
            "`proc.exe` of the leader of the process group (by namespace id) or of the oldest known ancestor in it.";
        ProcVpgidExepath "proc.vpgid.exepath" CharBuf Na [] None Event
            "`proc.exepath` of the leader of the process group (by namespace id) or of the oldest known ancestor in it.";
        ProcPgid "proc.pgid" Int64 Id [] None Event
            "Process group id in the host's pid namespace.";
        ProcPgidName "proc.pgid.name" CharBuf Na [] None Event
            "`proc.name` of the leader of the process group or of the oldest known ancestor in it.";
        ProcPgidExe "proc.pgid.exe" CharBuf Na [] None Event
            "`proc.exe` of the leader of the process group or of the oldest known ancestor in it.";
        ProcPgidExepath "proc.pgid.exepath" CharBuf Na [] None Event
            "`proc.exepath` of the leader of the process group or of the oldest known ancestor in it.";
        ProcDuration "proc.duration" RelTime Dec [] None Event
            "Nanoseconds since the process started.";
        ProcPpidDuration "proc.ppid.duration" RelTime Dec [] None Event
            "Nanoseconds since the parent process started.";
        ProcPidTs "proc.pid.ts" RelTime Dec [] None Event
            "Start of the process in nanoseconds since the epoch.";
        ProcPpidTs "proc.ppid.ts" RelTime Dec [] None Event
            "Start of the parent process in nanoseconds since the epoch.";
        ProcIsExeWritable "proc.is_exe_writable" Bool Na [] None Image
            "Whether the user who runs the executable may write to it.";
        ProcIsExeUpperLayer "proc.is_exe_upper_layer" Bool Na [] None Image
            "Whether the executable lies in the upper layer of an overlayfs, as one added to a running container does.";
        ProcIsExeLowerLayer "proc.is_exe_lower_layer" Bool Na [] None Image
            "Whether the executable lies in a lower layer of an overlayfs, as one of the container's image does.";
        ProcIsExeFromMemfd "proc.is_exe_from_memfd" Bool Na [] None Image
            "Whether the executable lives in memory only (memfd_create).";
        ProcIsSidLeader "proc.is_sid_leader" Bool Na [] None Event
            "Whether the process leads its session.";
        ProcIsVpgidLeader "proc.is_vpgid_leader" Bool Na [] None Event
            "Whether the process leads its process group, by the ids of its own namespace.";
        ProcIsPgidLeader "proc.is_pgid_leader" Bool Na [] None Event
            "Whether the process leads its process group, by the ids of the host.";
        ProcExeIno "proc.exe_ino" Int64 Dec [] None Image
            "Inode number of the executable.";
        ProcExeInoCtime "proc.exe_ino.ctime" AbsTime Dec [] None Image
            "Last status change of the executable's inode, in nanoseconds since the epoch.";
        ProcExeInoMtime "proc.exe_ino.mtime" AbsTime Dec [] None Image
            "Last change of the executable's content, in nanoseconds since the epoch.";
        ProcExeInoCtimeDurationProcStart "proc.exe_ino.ctime_duration_proc_start" AbsTime Dec [] None Event
            "Nanoseconds from the last status change of the executable to the start of the process.";
        ProcExeInoCtimeDurationPidnsStart "proc.exe_ino.ctime_duration_pidns_start" AbsTime Dec [] None Event
            "Nanoseconds from the start of the pid namespace to the last status change of the executable, if it is not negative.";
        ProcPidnsInitStartTs "proc.pidns_init_start_ts" Uint64 Dec [] None Event
            "Start of the pid namespace in nanoseconds since the epoch.";
        ThreadCapPermitted "thread.cap_permitted" CharBuf Na [] None Event
            "Names of the permitted capabilities.";
        ThreadCapInheritable "thread.cap_inheritable" CharBuf Na [] None Event
            "Names of the inheritable capabilities.";
        ThreadCapEffective "thread.cap_effective" CharBuf Na [] None Event
            "Names of the effective capabilities.";
        ProcFdopencount "proc.fdopencount" Uint64 Dec [] None Event
            "Number of open file descriptors.";
        ProcFdlimit "proc.fdlimit" Int64 Dec [] None Event
            "Most file descriptors the process may open.";
        ProcFdusage "proc.fdusage" Double Na [] None Event
            "Open file descriptors in per cent of the limit.";
        ProcVmsize "proc.vmsize" Uint64 Dec [] None Event
            "Virtual memory of the process in KiB.";
        ProcVmrss "proc.vmrss" Uint64 Dec [] None Event
            "Resident memory of the process in KiB.";
        ProcVmswap "proc.vmswap" Uint64 Dec [] None Event
            "Swapped memory of the process in KiB.";
        ThreadPfmajor "thread.pfmajor" Uint64 Dec [] None Event
            "Major page faults since the thread started.";
        ThreadPfminor "thread.pfminor" Uint64 Dec [] None Event
            "Minor page faults since the thread started.";
        ThreadTid "thread.tid" Int64 Id [] None Event
            "Thread id.";
        ThreadIsmain "thread.ismain" Bool Na [] None Event
            "Whether the thread is the main one of its process.";
        ThreadVtid "thread.vtid" Int64 Id [] None Event
            "Thread id in the thread's own pid namespace.";
        ThreadNametid "thread.nametid" CharBuf Na [HIDDEN] None Event
            "Process name and thread id in one.";
        ThreadExectime "thread.exectime" RelTime Dec [] None Event
            "CPU nanoseconds of the last time slice, on switch events.";
        ThreadTotexectime "thread.totexectime" RelTime Dec [] None Event
            "CPU nanoseconds of the thread since the start of the capture, on switch events.";
        ThreadCgroups "thread.cgroups" CharBuf Na [] None Image
            "All cgroups of the thread as `subsystem=path`, separated by blanks.";
        ThreadCgroup "thread.cgroup" CharBuf Na [] Subsystem Image
            "Cgroup of one subsystem, as in `thread.cgroup.cpuset`.";
        ProcNthreads "proc.nthreads" Uint64 Dec [] None Event
            "Number of live threads of the process, the main one included.";
        ProcNchilds "proc.nchilds" Uint64 Dec [] None Event
            "Number of live threads of the process, the main one not included.";
        ThreadCpu "thread.cpu" Double Na [] None Event
            "CPU use of the thread in the last second, in per cent.";
        ThreadCpuUser "thread.cpu.user" Double Na [] None Event
            "User-mode CPU use of the thread in the last second, in per cent.";
        ThreadCpuSystem "thread.cpu.system" Double Na [] None Event
            "Kernel-mode CPU use of the thread in the last second, in per cent.";
        ThreadVmsize "thread.vmsize" Uint64 Dec [] None Event
            "Virtual memory in KiB on the main thread, 0 on others.";
        ThreadVmrss "thread.vmrss" Uint64 Dec [] None Event
            "Resident memory in KiB on the main thread, 0 on others.";
        ThreadVmsizeB "thread.vmsize.b" Uint64 Dec [HIDDEN] None Event
            "Virtual memory in bytes on the main thread, 0 on others.";
        ThreadVmrssB "thread.vmrss.b" Uint64 Dec [HIDDEN] None Event
            "Resident memory in bytes on the main thread, 0 on others.";
        ProcStdinType "proc.stdin.type" CharBuf Na [] None Event
            "Type of file descriptor 0; see `fd.type`.";
        ProcStdoutType "proc.stdout.type" CharBuf Na [] None Event
            "Type of file descriptor 1; see `fd.type`.";
        ProcStderrType "proc.stderr.type" CharBuf Na [] None Event
            "Type of file descriptor 2; see `fd.type`.";
        ProcStdinName "proc.stdin.name" CharBuf Na [] None Event
            "Name of file descriptor 0; see `fd.name`.";
        ProcStdoutName "proc.stdout.name" CharBuf Na [] None Event
            "Name of file descriptor 1; see `fd.name`.";
        ProcStderrName "proc.stderr.name" CharBuf Na [] None Event
            "Name of file descriptor 2; see `fd.name`.";
    }
    User {
        UserUid "user.uid" Uint32 Id [] None Event
            "Effective user id.";
        UserName "user.name" CharBuf Na [] None Event
            "Name of the effective user.";
        UserHomedir "user.homedir" CharBuf Na [] None Event
            "Home directory of the effective user.";
        UserShell "user.shell" CharBuf Na [] None Event
            "Login shell of the effective user.";
        UserLoginuid "user.loginuid" Int64 Id [] None Event
            "Id of the user who logged in (audit user id), -1 if there is none.";
        UserLoginname "user.loginname" CharBuf Na [] None Event
            "Name of the user who logged in (audit user).";
    }
    Group {
        GroupGid "group.gid" Uint32 Id [] None Event
            "Effective group id.";
        GroupName "group.name" CharBuf Na [] None Event
            "Name of the effective group.";
    }
    Fd {
        FdNum "fd.num" Int64 Id [] None Event
            "Number of the file descriptor.";
        FdType "fd.type" CharBuf Dec [] None Fd
            "Type of the file descriptor, such as `file`, `directory`, `ipv4`, `unix` or `pipe`.";
        FdTypechar "fd.typechar" CharBuf Dec [] None Fd
            "Type of the file descriptor as one letter: `f` file, `d` directory, `4` IPv4, `6` IPv6, `u` unix, `p` pipe and so on.";
        FdName "fd.name" CharBuf Na [] None Fd
            "Path of a file, addresses and ports of a socket, or whatever names this kind of file descriptor.";
        FdDirectory "fd.directory" CharBuf Na [] None Fd
            "Directory of the path in `fd.name`.";
        FdFilename "fd.filename" CharBuf Na [] None Fd
            "Last part of the path in `fd.name`.";
        FdIp "fd.ip" IpAddr Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Fd
            "Matches the address of the client or that of the server.";
        FdCip "fd.cip" IpAddr Na [] None Fd
            "Address of the client.";
        FdSip "fd.sip" IpAddr Na [] None Fd
            "Address of the server.";
        FdLip "fd.lip" IpAddr Na [] None Event
            "Address of the local end.";
        FdRip "fd.rip" IpAddr Na [] None Event
            "Address of the remote end.";
        FdPort "fd.port" Port Dec [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Fd
            "Matches the port of the client or that of the server.";
        FdCport "fd.cport" Port Dec [] None Fd
            "Port of the client.";
        FdSport "fd.sport" Port Dec [] None Fd
            "Port of the server.";
        FdLport "fd.lport" Port Dec [] None Event
            "Port of the local end.";
        FdRport "fd.rport" Port Dec [] None Event
            "Port of the remote end.";
        FdL4proto "fd.l4proto" CharBuf Na [] None Fd
            "Protocol of a socket: `tcp`, `udp`, `icmp` or `raw`.";
        FdSockfamily "fd.sockfamily" CharBuf Na [] None Fd
            "Family of a socket: `ip` or `unix`.";
        FdIsServer "fd.is_server" Bool Na [] None Event
            "Whether the process is the server end of the connection.";
        FdUid "fd.uid" CharBuf Na [] None Event
            "Thread id and file descriptor number in one.";
        FdContainername "fd.containername" CharBuf Na [] None Event
            "Container id and `fd.name`, with a colon between.";
        FdContainerdirectory "fd.containerdirectory" CharBuf Na [] None Event
            "Container id and `fd.directory`, with a colon between.";
        FdProto "fd.proto" Port Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Fd
            "Matches the port of the client or that of the server, which may be given by service name.";
        FdCproto "fd.cproto" CharBuf Na [] None Fd
            "Service name of the client's port, or the number where no name is known.";
        FdSproto "fd.sproto" CharBuf Na [] None Fd
            "Service name of the server's port, or the number where no name is known.";
        FdLproto "fd.lproto" CharBuf Na [] None Event
            "Service name of the local port, or the number where no name is known.";
        FdRproto "fd.rproto" CharBuf Na [] None Event
            "Service name of the remote port, or the number where no name is known.";
        FdNet "fd.net" IpNet Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Fd
            "Matches networks that hold the address of the client or that of the server.";
        FdCnet "fd.cnet" IpNet Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Fd
            "Matches networks that hold the address of the client.";
        FdSnet "fd.snet" IpNet Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Fd
            "Matches networks that hold the address of the server.";
        FdLnet "fd.lnet" IpNet Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Event
            "Matches networks that hold the address of the local end.";
        FdRnet "fd.rnet" IpNet Na [FILTER_ONLY NO_RHS NO_TRANSFORMER] None Event
            "Matches networks that hold the address of the remote end.";
        FdConnected "fd.connected" Bool Na [] None Event
            "Whether the socket is connected.";
        FdNameChanged "fd.name_changed" Bool Na [] None Event
            "Whether the event changed `fd.name`, as a datagram to another address does.";
        FdCipName "fd.cip.name" CharBuf Na [NO_RHS NO_TRANSFORMER] None Event
            "Host name of the client's address, if it was resolved.";
        FdSipName "fd.sip.name" CharBuf Na [NO_RHS NO_TRANSFORMER] None Event
            "Host name of the server's address, if it was resolved.";
        FdLipName "fd.lip.name" CharBuf Na [NO_RHS NO_TRANSFORMER] None Event
            "Host name of the local address, if it was resolved.";
        FdRipName "fd.rip.name" CharBuf Na [NO_RHS NO_TRANSFORMER] None Event
            "Host name of the remote address, if it was resolved.";
        FdDev "fd.dev" Int32 Hex [] None Fd
            "Device the file lies on, major and minor number in one.";
        FdDevMajor "fd.dev.major" Int32 Dec [] None Fd
            "Major number of the device the file lies on.";
        FdDevMinor "fd.dev.minor" Int32 Dec [] None Fd
            "Minor number of the device the file lies on.";
        FdIno "fd.ino" Int64 Dec [] None Fd
            "Inode number of the file.";
        FdNameraw "fd.nameraw" CharBuf Na [] None Event
            "Path as the caller gave it, not made absolute.";
        FdTypes "fd.types" CharBuf Dec [LIST NO_RHS] OptionalIndex Event
            "Types of all open file descriptors, each once; with a number in brackets, that of one.";
        FdIsUpperLayer "fd.is_upper_layer" Bool Na [] None Fd
            "Whether the file lies in the upper layer of an overlayfs.";
        FdIsLowerLayer "fd.is_lower_layer" Bool Na [] None Fd
            "Whether the file lies in a lower layer of an overlayfs.";
    }
    FsPath {
        FsPathName "fs.path.name" CharBuf Na [] None Event
            "Absolute path a file system call works on.";
        FsPathNameraw "fs.path.nameraw" CharBuf Na [] None Event
            "Path a file system call works on, as the caller gave it.";
        FsPathSource "fs.path.source" CharBuf Na [] None Event
            "Absolute source path of a call with two paths, such as rename, link or mount.";
        FsPathSourceraw "fs.path.sourceraw" CharBuf Na [] None Event
            "Source path of a call with two paths, as the caller gave it.";
        FsPathTarget "fs.path.target" CharBuf Na [] None Event
            "Absolute target path of a call with two paths, such as rename, link or mount.";
        FsPathTargetraw "fs.path.targetraw" CharBuf Na [] None Event
            "Target path of a call with two paths, as the caller gave it.";
    }
    FdList {
        FdlistNums "fdlist.nums" CharBuf Id [] None Event
            "Numbers of the polled file descriptors, separated by commas.";
        FdlistNames "fdlist.names" CharBuf Na [] None Event
            "Names of the polled file descriptors, separated by commas.";
        FdlistCips "fdlist.cips" CharBuf Na [] None Event
            "Client addresses of the polled sockets, separated by commas.";
        FdlistSips "fdlist.sips" CharBuf Na [] None Event
            "Server addresses of the polled sockets, separated by commas.";
        FdlistCports "fdlist.cports" CharBuf Dec [] None Event
            "Client ports of the polled sockets, separated by commas.";
        FdlistSports "fdlist.sports" CharBuf Dec [] None Event
            "Server ports of the polled sockets, separated by commas.";
    }
    Util {
        UtilCnt "util.cnt" Uint64 Id [HIDDEN] None Event
            "Number of times this field was read.";
    }
    Static {
        Static "static" CharBuf Na [HIDDEN SUGGESTED] Configured Event
            "A text that the configuration sets under `static_fields`.";
    }
    Container {
        ContainerId "container.id" CharBuf Na [SUGGESTED] None Image
            "Short id of the container (12 characters), or `host` outside of any.";
        ContainerFullId "container.full_id" CharBuf Na [] None Image
            "Full id of the container.";
        ContainerName "container.name" CharBuf Na [SUGGESTED] None Image
            "Name of the container.";
        ContainerImage "container.image" CharBuf Na [] None Image
            "Image reference of the container.";
        ContainerImageId "container.image.id" CharBuf Na [] None Image
            "Id of the container's image.";
        ContainerType "container.type" CharBuf Na [] None Image
            "Engine that runs the container, such as `docker` or `containerd`.";
        ContainerPrivileged "container.privileged" Bool Na [] None Image
            "Whether the container runs privileged.";
        ContainerMounts "container.mounts" CharBuf Na [] None Image
            "All mounts of the container as source:dest:mode:rdwr:propagation, separated by commas.";
        ContainerMount "container.mount" CharBuf Na [] IndexOrKey Image
            "One mount as source:dest:mode:rdwr:propagation, by position or by source.";
        ContainerMountSource "container.mount.source" CharBuf Na [] IndexOrKey Image
            "Source of a mount, by position or by destination.";
        ContainerMountDest "container.mount.dest" CharBuf Na [] IndexOrKey Image
            "Destination of a mount, by position or by source.";
        ContainerMountMode "container.mount.mode" CharBuf Na [] IndexOrKey Image
            "Mode of a mount, by position or by source.";
        ContainerMountRdwr "container.mount.rdwr" CharBuf Na [] IndexOrKey Image
            "Whether a mount is writable, by position or by source.";
        ContainerMountPropagation "container.mount.propagation" CharBuf Na [] IndexOrKey Image
            "Propagation of a mount, by position or by source.";
        ContainerImageRepository "container.image.repository" CharBuf Na [SUGGESTED] None Image
            "Repository part of the image reference.";
        ContainerImageTag "container.image.tag" CharBuf Na [SUGGESTED] None Image
            "Tag part of the image reference.";
        ContainerImageDigest "container.image.digest" CharBuf Na [] None Image
            "Digest of the image in its registry.";
        ContainerHealthcheck "container.healthcheck" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        ContainerLivenessProbe "container.liveness_probe" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        ContainerReadinessProbe "container.readiness_probe" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        ContainerStartTs "container.start_ts" AbsTime Dec [] None Event
            "Start of the container (of its pid namespace) in nanoseconds since the epoch.";
        ContainerDuration "container.duration" RelTime Dec [] None Event
            "Nanoseconds since the container started.";
        ContainerIp "container.ip" CharBuf Na [] None Image
            "Address of the container.";
        ContainerCniJson "container.cni.json" CharBuf Na [] None Image
            "Result of the network setup (CNI) of the container, as JSON.";
        ContainerHostPid "container.host_pid" Bool Na [] None Image
            "Whether the container shares the host's pid namespace.";
        ContainerHostNetwork "container.host_network" Bool Na [] None Image
            "Whether the container shares the host's network namespace.";
        ContainerHostIpc "container.host_ipc" Bool Na [] None Image
            "Whether the container shares the host's IPC namespace.";
        ContainerLabel "container.label" CharBuf Na [] Key Image
            "One label of the container, by name.";
        ContainerLabels "container.labels" CharBuf Na [] None Image
            "All labels of the container as name:value, separated by commas.";
        ProcIsContainerHealthcheck "proc.is_container_healthcheck" Bool Na [] None Image
            "Kept for existing rules; never has a value.";
        ProcIsContainerLivenessProbe "proc.is_container_liveness_probe" Bool Na [] None Image
            "Kept for existing rules; never has a value.";
        ProcIsContainerReadinessProbe "proc.is_container_readiness_probe" Bool Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sPodName "k8s.pod.name" CharBuf Na [SUGGESTED] None Image
            "Name of the pod.";
        K8sNsName "k8s.ns.name" CharBuf Na [SUGGESTED] None Image
            "Namespace of the pod.";
        K8sPodId "k8s.pod.id" CharBuf Na [] None Image
            "Former name of `k8s.pod.uid`.";
        K8sPodUid "k8s.pod.uid" CharBuf Na [] None Image
            "Unique id of the pod.";
        K8sPodSandboxId "k8s.pod.sandbox_id" CharBuf Na [] None Image
            "Short id of the pod's sandbox.";
        K8sPodFullSandboxId "k8s.pod.full_sandbox_id" CharBuf Na [] None Image
            "Full id of the pod's sandbox.";
        K8sPodLabel "k8s.pod.label" CharBuf Na [] Key Image
            "One label of the pod, by name.";
        K8sPodLabels "k8s.pod.labels" CharBuf Na [] None Image
            "All labels of the pod as name:value, separated by commas.";
        K8sPodIp "k8s.pod.ip" CharBuf Na [] None Image
            "Address of the pod.";
        K8sPodCniJson "k8s.pod.cni.json" CharBuf Na [] None Image
            "Result of the network setup (CNI) of the pod, as JSON.";
        K8sRcName "k8s.rc.name" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sRcId "k8s.rc.id" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sRcLabel "k8s.rc.label" CharBuf Na [] Key Image
            "Kept for existing rules; never has a value.";
        K8sRcLabels "k8s.rc.labels" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sSvcName "k8s.svc.name" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sSvcId "k8s.svc.id" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sSvcLabel "k8s.svc.label" CharBuf Na [] Key Image
            "Kept for existing rules; never has a value.";
        K8sSvcLabels "k8s.svc.labels" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sNsId "k8s.ns.id" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sNsLabel "k8s.ns.label" CharBuf Na [] Key Image
            "Kept for existing rules; never has a value.";
        K8sNsLabels "k8s.ns.labels" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sRsName "k8s.rs.name" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sRsId "k8s.rs.id" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sRsLabel "k8s.rs.label" CharBuf Na [] Key Image
            "Kept for existing rules; never has a value.";
        K8sRsLabels "k8s.rs.labels" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sDeploymentName "k8s.deployment.name" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sDeploymentId "k8s.deployment.id" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
        K8sDeploymentLabel "k8s.deployment.label" CharBuf Na [] Key Image
            "Kept for existing rules; never has a value.";
        K8sDeploymentLabels "k8s.deployment.labels" CharBuf Na [] None Image
            "Kept for existing rules; never has a value.";
    }
}
