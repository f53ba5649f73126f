//! Builds the probe: writes the C structs of the event table, compiles `bpf/peregrine.bpf.c`, and
//! notes where the probe's global variables lie.

use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object, ObjectSection, ObjectSymbol};

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let bpf = manifest.join("../../bpf");
    watch(&bpf);
    println!("cargo::rerun-if-env-changed=CLANG");

    std::fs::write(out.join("events.gen.h"), peregrine_event::codegen::c_header())
        .expect("OUT_DIR is writable");
    let object = out.join("peregrine.bpf.o");
    let clang = clang();
    let built = libbpf_cargo::SkeletonBuilder::new()
        .source(bpf.join("peregrine.bpf.c"))
        .obj(&object)
        .clang(&clang)
        .clang_args(clang_args(&out))
        .build();
    if let Err(error) = built {
        panic!("the probe does not compile with {}: {error:?}", clang.display());
    }
    std::fs::write(out.join("globals.rs"), globals(&object)).expect("OUT_DIR is writable");
}

/// A clang that can compile for BPF: `$CLANG`, else the newest known name that exists.
fn clang() -> PathBuf {
    if let Some(clang) = std::env::var_os("CLANG") {
        return clang.into();
    }
    let names = (16..=22).rev().map(|version| format!("clang-{version}"));
    for name in names.chain(["clang".to_owned()]) {
        let version = Command::new(&name).arg("-dumpversion").output();
        let Ok(version) = version.map(|out| String::from_utf8_lossy(&out.stdout).into_owned())
        else {
            continue;
        };
        let major = version.split('.').next().and_then(|major| major.trim().parse::<u32>().ok());
        if major.is_some_and(|major| major >= 16) {
            return name.into();
        }
    }
    panic!(
        "the probe needs clang 16 or later to compile: apt-get install clang-19 (Debian, Ubuntu), \
         dnf install clang (Fedora), or set CLANG=/path/to/clang"
    );
}

fn clang_args(out: &Path) -> Vec<String> {
    let arch = match std::env::var("CARGO_CFG_TARGET_ARCH").as_deref() {
        Ok("x86_64") => "x86",
        other => panic!("the probe is written for x86_64; this target is {other:?}"),
    };
    let mut args = vec![
        format!("-D__TARGET_ARCH_{arch}"),
        format!("-I{}", out.display()),
        // 32-bit arithmetic and jumps; the atomics with a result that v3 also has need 5.12 and are not
        // used.
        "-mcpu=v3".to_owned(),
        // Jump tables are not BPF.
        "-fno-jump-tables".to_owned(),
        "-Wall".to_owned(),
        "-Wno-unused-function".to_owned(),
        "-Wno-missing-declarations".to_owned(),
        "-Werror".to_owned(),
    ];
    // Debian keeps <asm/types.h> below the multiarch triple.
    let multiarch = Path::new("/usr/include/x86_64-linux-gnu");
    if multiarch.is_dir() {
        args.push(format!("-I{}", multiarch.display()));
    }
    args
}

/// Where each global variable lies: a Rust table of (name, section, offset, size).
fn globals(path: &Path) -> String {
    let bytes = std::fs::read(path).expect("just compiled");
    let file = object::File::parse(&*bytes).expect("clang writes ELF");
    let mut table = String::from("pub static GLOBALS: &[Global] = &[\n");
    for symbol in file.symbols() {
        let Some(section) = symbol.section_index().and_then(|i| file.section_by_index(i).ok())
        else {
            continue;
        };
        let (Ok(name), Ok(section)) = (symbol.name(), section.name()) else { continue };
        let is_data = [".rodata", ".data", ".bss"].iter().any(|s| section.starts_with(s));
        if is_data && symbol.size() > 0 {
            table.push_str(&format!(
                "    Global {{ name: {name:?}, section: {section:?}, offset: {}, size: {} }},\n",
                symbol.address(),
                symbol.size()
            ));
        }
    }
    table + "];\n"
}

fn watch(dir: &Path) {
    println!("cargo::rerun-if-changed={}", dir.display());
    for entry in std::fs::read_dir(dir).expect("bpf/ lies beside crates/").flatten() {
        let path = entry.path();
        if path.is_dir() {
            watch(&path);
        } else {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
}
