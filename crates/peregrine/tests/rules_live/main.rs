//! The starter rules, live: for each rule an act that must set it off and a harmless twin that must
//! not.
//!
//! One `peregrine run` watches while all acts are done, one after the other; then each test looks at
//! the alerts of its own rule. Acts are told apart by a marker, which is part of the path of what
//! they run or touch and so appears in the command line that every output shows. Nothing is harmed:
//! files are the acts' own and removed again, system files are opened and not written, and what is
//! mounted or entered ends with the process that did it.
//!
//! Needs root and a kernel with BTF; otherwise each test says why it was skipped.

mod acts;
mod session;

/// A test per rule: the function's name, the rule's name.
macro_rules! rules {
    ($($test:ident: $rule:literal,)*) => {
        $(#[test]
        fn $test() {
            session::check($rule);
        })*

        /// Rules that have a test.
        const TESTED: &[&str] = &[$($rule),*];
    };
}

rules! {
    program_from_memory: "Program started from memory",
    miner: "Miner started",
    netcat: "Netcat or socat runs a program for a connection",
    reverse_shell_command: "Command line opens a reverse shell",
    connection_as_stdin: "Connection becomes standard input or output",
    service_scratch_program: "Service started a program from a scratch directory",
    service_shell: "Service started a shell",
    service_looks_around: "Service looks around",
    service_package_manager: "Package manager run by a service or in a container",
    shared_memory_program: "Program started from shared memory",
    hidden_program: "Hidden file executed",
    preloaded_library: "Library preloaded from a scratch directory",
    shredded: "Data shredded",
    search_for_keys: "Search for keys or passwords",
    password_hashes: "Password hashes read by unexpected program",
    ssh_key: "SSH private key read by unexpected program",
    cloud_credentials: "Cloud or cluster credentials read by unexpected program",
    symbolic_link: "Symbolic link to a sensitive file",
    hard_link: "Hard link to a sensitive file",
    ptrace: "Process attached to with ptrace",
    memory_read: "Memory of another process read",
    memory_written: "Memory of another process written",
    kernel_memory: "Kernel memory opened",
    security_signalled: "Security program signalled",
    security_off: "Security program switched off",
    kernel_helper: "Kernel helper path opened for writing",
    kernel_module: "Kernel module loaded by unexpected program",
    bpf_program: "BPF program loaded by unexpected program",
    user_namespace: "User namespace created by unexpected program",
    other_namespace: "Other namespace entered by unexpected program",
    host_mount: "Host file system mounted",
    set_user_id: "Set-user-ID or set-group-ID bit set",
    root_identity: "Root identity taken without sudo or su",
    linker_preload: "Linker preload file changed",
    sudo_rules: "Sudo rules changed",
    account_files: "Account files changed",
    authentication: "Authentication modules changed",
    authorized_keys: "SSH authorized keys changed",
    scheduled_job: "Scheduled job changed",
    crontab: "Crontab installed or edited",
    service_unit: "Service unit written",
    shell_startup: "Shell startup file changed",
    system_program: "System program changed",
    configuration: "Configuration below /etc changed by unexpected program",
    log_emptied: "Log emptied or removed",
    shell_history: "Shell history removed or emptied",
    raw_socket: "Raw or packet socket opened by unexpected program",
    mining_pool: "Name of a mining pool looked up",
    engine_socket: "Container engine socket used by unexpected program",
}

#[test]
fn ordinary_work_is_quiet() {
    session::check_ordinary_work();
}

#[test]
fn every_rule_has_a_test_and_an_act() {
    let text = std::fs::read_to_string(session::rules_file()).unwrap();
    let rules: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("- rule: ")).collect();
    assert!(rules.len() >= 30);
    for rule in &rules {
        assert!(TESTED.contains(rule), "no test for rule '{rule}'");
        assert!(acts::ALL.iter().any(|act| act.rule == *rule), "no act for rule '{rule}'");
    }
    assert_eq!((rules.len(), rules.len()), (TESTED.len(), acts::ALL.len()));
}
