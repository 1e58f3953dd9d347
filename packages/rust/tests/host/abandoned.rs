//! What attempts leave behind that get no response: no sockets, no threads and no memory.

#![cfg(target_os = "linux")]

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use entra_risk_host::{EntraRisk, Options, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::service::{fast, ids, risk, settings};
use crate::tls_server::certificates;
use crate::tracing::run_child;

/// What a service does after it has read a request.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Silent,
    /// Sends a body without end.
    Endless,
    /// Sends the beginning of a body.
    Stalled,
    /// Sends `103 Early Hints` without end.
    Hints,
    /// Sends hints without end over TLS and HTTP/2.
    Hints2,
    /// Sends `100 Continue` without end.
    Continue,
    Reset,
}

const KINDS: [Kind; 7] =
    [Kind::Silent, Kind::Endless, Kind::Stalled, Kind::Hints, Kind::Hints2, Kind::Continue, Kind::Reset];

/// A service for each connection of which there is a task, which ends when the client closes it.
struct Stub {
    settings: Settings,
    accepting: JoinHandle<()>,
}

impl Stub {
    async fn start(kind: Kind) -> Stub {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (root, mut tls) = certificates();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let tls = matches!(kind, Kind::Hints2).then(|| TlsAcceptor::from(Arc::new(tls)));
        let settings = match tls {
            Some(_) => {
                Settings { extra_roots: root.into(), ..settings(format!("https://localhost:{}", address.port())) }
            }
            None => settings(format!("http://{address}")),
        };
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let tls = tls.clone();
                connections.spawn(async move {
                    match (kind, tls) {
                        (_, Some(tls)) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                flood_http2(stream).await;
                            }
                        }
                        (kind, None) => serve(stream, kind).await,
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Stub { settings, accepting }
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, kind: Kind) {
    let mut received = [0; 4_096];
    let _ = stream.read(&mut received).await;
    let body = "HTTP/1.1 400 Bad Request\r\ntransfer-encoding: chunked\r\n\r\n";
    let (first, again) = match kind {
        Kind::Silent => ("", ""),
        Kind::Endless => (body, "4\r\nbody\r\n"),
        Kind::Stalled => (body, ""),
        Kind::Hints => ("", "HTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"),
        Kind::Continue => ("", "HTTP/1.1 100 Continue\r\n\r\n"),
        Kind::Hints2 | Kind::Reset => {
            let _ = stream.set_zero_linger();
            return;
        }
    };
    let mut is_open = stream.write_all(first.as_bytes()).await.is_ok();
    let again = again.repeat(1_000);
    while is_open {
        is_open = if again.is_empty() {
            matches!(stream.read(&mut received).await, Ok(1..))
        } else {
            stream.write_all(again.as_bytes()).await.is_ok()
        };
    }
}

/// Reads the first request, and sends hints for it. A frame has the length, the type, flags and the
/// number of the stream before its payload.
async fn flood_http2(mut stream: TlsStream<TcpStream>) {
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let hint = *b"\0\0\x05\x01\x04\0\0\0\x01\x08\x03103";
    let mut received = [0; 4_096];
    let mut is_open = stream.write_all(&settings).await.is_ok();
    for _ in 0..2 {
        let _ = timeout(Duration::from_millis(10), stream.read(&mut received)).await;
    }
    let hints = hint.repeat(1_000);
    while is_open {
        is_open = stream.write_all(&hints).await.is_ok();
    }
}

/// What this process has taken up. It contains the service.
#[derive(Debug, Clone, Copy)]
struct Taken {
    sockets: usize,
    threads: u64,
    memory_kib: u64,
    processor: Duration,
}

impl Taken {
    fn now() -> Taken {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap();
        let is_socket = |path: &std::path::PathBuf| path.to_string_lossy().starts_with("socket:");
        let sockets = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).filter(is_socket).count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let number = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        let stat = fs::read_to_string("/proc/self/stat").unwrap();
        // The 14th and the 15th field: hundredths of a second in user and kernel mode.
        let ticks: u64 =
            stat.rsplit(") ").next().unwrap().split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
        let processor = Duration::from_millis(ticks * 10);
        Taken { sockets, threads: number("Threads:"), memory_kib: number("VmRSS:"), processor }
    }

    /// What is taken up once no more sockets are open than these, or after some seconds.
    async fn settled(sockets: usize) -> Taken {
        let start = Instant::now();
        while Taken::now().sockets > sockets && start.elapsed() < Duration::from_secs(10) {
            sleep(Duration::from_millis(20)).await;
        }
        Taken::now()
    }
}

/// Performs `count` calls with one attempt each, those of ten tenants at the same time.
async fn calls(risk: &EntraRisk, count: usize) {
    let mut tenants = JoinSet::new();
    for tenant in 0..10 {
        let risk = risk.clone();
        tenants.spawn(async move {
            let attempt_timeout = Some(Duration::from_millis(50));
            let tenant = Some(format!("tenant-{tenant}"));
            let options = Options { tenant, attempt_timeout, max_attempts: Some(1), ..fast() };
            for _ in 0..count / 10 {
                let report = risk.dismiss_risky_users(&ids(1, 1), &options).await.unwrap();
                assert_eq!(report.accepted().count(), 0, "{report:?}");
                assert_eq!(report.batches.first().unwrap().attempts, 1, "{report:?}");
            }
        });
    }
    tenants.join_all().await;
}

/// Performs such calls with each kind of service, and prints what they take up.
async fn measure(count: usize) {
    for kind in KINDS {
        let stub = Stub::start(kind).await;
        let risk = risk(Settings { max_instances: 10, ..stub.settings.clone() });
        let without = Taken::now();
        calls(&risk, 100).await;
        let before = Taken::settled(without.sockets).await;
        calls(&risk, count).await;
        let after = Taken::settled(without.sockets).await;
        sleep(Duration::from_millis(500)).await;
        let idle = Taken::now().processor - after.processor;
        println!("{kind:?}: {without:?}, after 100 calls {before:?}, after {count} more {after:?}, idle {idle:?}");
        assert_eq!(after.sockets, without.sockets, "{kind:?}");
        // A name is resolved in a thread, that of each tenant at the same time.
        assert!(after.threads <= without.threads + 10, "{kind:?}");
        // With HTTP/2 the hints of a moment are kept, a few MiB of them.
        let noise_kib = if matches!(kind, Kind::Hints2) { 65_536 } else { 8_192 };
        assert!(after.memory_kib < before.memory_kib + noise_kib, "{kind:?}");
        assert!(idle < Duration::from_millis(250), "{kind:?}");
    }
}

#[test]
fn abandoned_attempts_leave_nothing_behind() {
    run_child("abandoned::some_calls");
}

/// Counts the sockets of a process of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the test above"]
async fn some_calls() {
    measure(100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute, and prints figures"]
async fn a_thousand_calls() {
    measure(1_000).await;
}
