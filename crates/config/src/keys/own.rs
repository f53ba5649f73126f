//! What Falco does not have.

use std::collections::BTreeMap;

use crate::declare::sections;
use crate::types::{ByteSize, Hook, Spread, WhenFull};

sections! {
    /// Workers, rings, queues and the ways to talk to a running instance.
    Peregrine {
        /// Worker threads; 0: one per two CPUs.
        workers: u16 = 0, |key| key.restart();
        /// Ring buffers; 0: one per CPU, at least one per worker.
        rings: u16 = 0, |key| key.restart();
        /// Size of each ring, a power of two from 16K to 1G. Absent: what
        /// `engine.modern_ebpf.buf_size_preset` says.
        ring_size: Option<ByteSize> = None, |key| key.restart();
        /// Share of a ring that each class of records may fill, in percent: starts and ends of
        /// processes, what changes the state, what rules name, the rest. The first has at least
        /// 128K for itself, or half of a smaller ring; the others are cut in proportion.
        ring_shares: Vec<u32> = vec![100, 75, 50, 35], |key| key.restart();
        /// Pin each worker to a CPU.
        pin: bool = false, |key| key.restart();
        /// Whose records that change no state (reads, writes) go to all workers instead of their
        /// own: of processes that are too much for one (`auto`), of nobody (`off`), of everybody
        /// by thread (`tid`) or by CPU (`cpu`).
        spread: Spread = Spread::Auto, |key| key.restart();
        /// How the kernel side is attached.
        hook: Hook = Hook::Auto, |key| key.restart();
        /// Bytes kept of the arguments and of the environment of a program, 64 to 32768.
        args_max: u32 = 16_384, |key| key.restart();
        /// Waiting of processes for what they inherit.
        parking: Parking = Parking::default();
        /// Alerts of all workers in the order of their events.
        ordered_output: OrderedOutput = OrderedOutput::default();
        /// Alerts that were decided on incomplete state say so (`evt.degraded`). Off by default
        /// under Falco's command line.
        mark_degraded: bool = true;
        /// Queues of the outputs, and what Falco's keys for them cannot say.
        sinks: Sinks = Sinks::default();
        /// The socket through which `peregrine reload` finds a running instance. Empty: none.
        control_socket: String = String::from("/run/peregrine-control.sock"), |key| key.restart();
        /// The page with alerts and charts.
        web: Web = Web::default();
        /// Give up, once the kernel side is attached, every capability but those that reading
        /// `/proc` of other users takes. Outputs are opened afterwards.
        drop_privileges: bool = false, |key| key.restart();
        /// Go on as this user (a name or a number) once the kernel side is attached, without the
        /// capabilities that `drop_privileges` gives up. Empty: the user stays.
        user: String = String::new(), |key| key.restart();
    }
    /// Waiting of processes for what they inherit from their parent on another worker.
    Parking {
        /// Longest wait, in milliseconds. Past it the best known state is used and the alert says so.
        max_wait_ms: u64 = 250, |key| key.restart();
        /// Most memory that waiting records may take, per worker.
        max_bytes: ByteSize = ByteSize(64 << 20), |key| key.restart();
    }
    /// Alerts of all workers in the order of their events.
    OrderedOutput {
        /// Keep alerts back until no worker can have an older one. Otherwise each leaves as soon as
        /// its worker has found it.
        enabled: bool = false, |key| key.restart();
        /// Longest time an alert is kept back, in milliseconds. It should be longer than
        /// `parking.max_wait_ms`: what comes later than this leaves out of order, and is counted.
        window_ms: u64 = 500, |key| key.restart();
    }
    /// Queues of the outputs.
    Sinks {
        /// Standard output.
        stdout: SinkQueue = SinkQueue::default();
        /// The file.
        file: FileDelivery = FileDelivery::default();
        /// Syslog.
        syslog: SyslogDelivery = SyslogDelivery::default();
        /// The program.
        program: SinkQueue = SinkQueue::default();
        /// The HTTP endpoint.
        http: HttpDelivery = HttpDelivery::default();
        /// The local socket that `peregrine tail` reads.
        socket: SocketSink = SocketSink::default();
        /// How long the end waits for outputs that hang, in milliseconds.
        shutdown_ms: u64 = 5000;
    }
    /// The queue of an output.
    SinkQueue {
        /// Alerts that may wait in memory; 0: any number.
        capacity: u64 = 65_536;
        /// What happens to an alert that finds the queue full: `drop` (and count) or `block`.
        when_full: WhenFull = WhenFull::Drop;
        /// Directory that keeps alerts while the output cannot take them, also over a restart;
        /// empty: none.
        spool: String = String::new();
        /// Most bytes in that directory.
        spool_size: ByteSize = ByteSize(256 << 20);
    }
    /// How alerts are written to the file.
    FileDelivery {
        /// Its queue.
        queue: SinkQueue = SinkQueue::default();
        /// Start a new file before it gets larger than this; 0: never.
        rotate_size: ByteSize = ByteSize(0);
        /// Old files that are kept, as `NAME.1` (the newest), `NAME.2` and so on.
        rotate_keep: u32 = 5;
    }
    /// How alerts are sent to syslog.
    SyslogDelivery {
        /// Its queue.
        queue: SinkQueue = SinkQueue::default();
        /// Another machine's syslog, as `udp://HOST:PORT`, `tcp://HOST:PORT` or `tls://HOST:PORT`;
        /// empty: the local one.
        remote: String = String::new();
        /// File with certificates of authorities, for TLS; empty: those of the system.
        ca_bundle: String = String::new();
        /// Take any certificate.
        insecure: bool = false;
        /// Our certificate, if the other side asks for one; empty: none.
        client_cert: String = String::new();
        /// Its key.
        client_key: String = String::new();
    }
    /// How alerts are sent to the HTTP endpoint.
    HttpDelivery {
        /// Its queue.
        queue: SinkQueue = SinkQueue::default();
        /// Most alerts in one request; 1: one request per alert, as Falco does.
        batch: u32 = 1;
        /// Several JSON alerts in one request are one array instead of lines.
        batch_array: bool = false;
        /// Longest time for a request, in milliseconds.
        timeout_ms: u64 = 10_000;
        /// Further headers, as for authorisation.
        headers: BTreeMap<String, String> = BTreeMap::new();
    }
    /// The local socket.
    SocketSink {
        /// Its path; empty: there is none.
        path: String = String::new(), |key| key.restart();
        /// Latest alerts kept for those who come later.
        recent: u32 = 1000, |key| key.restart();
    }
    /// The page with alerts and charts.
    Web {
        /// Whether it is served.
        enabled: bool = false, |key| key.restart();
        /// Where, as `ADDRESS:PORT`.
        listen: String = String::from("127.0.0.1:8766"), |key| key.restart();
        /// What a reader must know; needed unless the address is a loopback address.
        token: String = String::new(), |key| key.restart();
    }
}
