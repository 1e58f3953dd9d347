//! The memory that the command needs for large files.

use std::fs::File;
use std::io::{BufWriter, Write};

use crate::shell::{Completed, Shell, graph, id};

const MIB: usize = 1 << 20;

/// Bytes of a record, of which the portal's records of sign-ins have as many.
const RECORD_BYTES: usize = 1_200;

/// Runs the command for a CSV file with so many records, and returns also the size of the file.
async fn run(records: usize, line: &str) -> (Completed, usize) {
    let shell = Shell::new();
    let mut file = BufWriter::new(File::create(shell.path("sign-ins.csv")).unwrap());
    writeln!(file, "Date (UTC),Request ID,User agent").unwrap();
    let other = "x".repeat(RECORD_BYTES - 60);
    for number in 0..records {
        writeln!(file, "2026-11-20T08:00:00Z,{},\"{other}\"", id(number)).unwrap();
    }
    file.into_inner().unwrap();
    let size = shell.path("sign-ins.csv").metadata().unwrap().len() as usize;
    let line = format!("dismiss-sign-ins --file sign-ins.csv --ids-per-request 10000 {line}");
    (shell.run_before(&line, graph([])).await, size)
}

#[tokio::test(start_paused = true)]
async fn a_file_is_not_kept_in_memory() {
    let (run, size) = run(20_000, "").await;
    println!("{} bytes of memory for {size} bytes", run.memory);
    assert_eq!(run.stdout, "dismiss-sign-ins: 20000 of 20000 ids accepted\n");
    assert!(run.memory < size / 2, "{} bytes for {size}", run.memory);
}

#[tokio::test(start_paused = true)]
#[ignore = "writes 600 MB, and takes minutes"]
async fn half_a_million_records_need_at_most_256_mib() {
    for line in ["--dry-run", "--remaining left.txt --log log.jsonl"] {
        let (run, size) = run(500_000, line).await;
        println!("{line}: {} MiB of memory for {} MiB", run.memory / MIB, size / MIB);
        assert!(run.code == 0 && size > 570 * MIB, "{}", run.stderr);
        assert!(run.memory <= 256 * MIB, "{line}: {} bytes", run.memory);
    }
}
