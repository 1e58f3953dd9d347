//! Spans and events describe a call, and contain no secret, those of the libraries included.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use entra_risk_host::{Action, Options};
use graph_model::{Fault, FaultKind, RetryAfter, Server};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::service::{self, fast, graph, ids, risk, settings};

/// Everything that was written.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Log {
        self.clone()
    }
}

/// Runs a test that is ignored in a process of its own: the tests of this one, which have no
/// subscriber, decide too whether a span is enabled.
pub fn run_child(test: &str) {
    let this = std::env::current_exe().unwrap();
    let output = std::process::Command::new(this).args(["--ignored", "--exact", test]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

/// A log of every span and event of this thread, until the guard is dropped. The runtime of a test
/// has one thread.
pub fn trace() -> (Log, DefaultGuard) {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[test]
fn spans_describe_the_call_without_its_token() {
    run_child("tracing::child");
}

#[tokio::test]
#[ignore = "run by the test above"]
async fn child() {
    let (log, guard) = trace();
    let graph = graph();
    graph.plan([None, Some(Fault::of(FaultKind::Expired))]);
    let server = Server::start(graph.clone(), 0).await.unwrap();
    let options = Options { tenant: Some("contoso".to_owned()), ..fast() };
    let report = risk(settings(server.endpoint())).dismiss_risky_users(&ids(1, 120), &options).await.unwrap();
    assert_eq!(report.accepted().count(), 60);
    let wait = Fault::of(FaultKind::Throttled).retry_after(RetryAfter::Seconds(30));
    let failing = service::graph();
    failing.plan([None, Some(wait), Some(Fault::of(FaultKind::ServerError))]);
    let server = Server::start(failing, 0).await.unwrap();
    for (tenant, count) in [("waits-long", 61), ("waits-briefly", 60)] {
        let options = Options { tenant: Some(tenant.to_owned()), max_in_flight: Some(1), ..fast() };
        let risk = risk(settings(server.endpoint()));
        let mut call = risk.start(Action::DismissRiskyUsers, &ids(1, count), &options).unwrap();
        let mut progress = call.progress();
        progress.wait_for(|progress| progress.error.is_some()).await.unwrap();
        call.stop(Some(Duration::ZERO));
        call.finish().await.unwrap();
    }
    drop(guard);

    let log = log.text();
    let ended = log.lines().find(|line| line.contains("ended")).unwrap();
    let call = [
        "action=\"dismiss-risky-users\"",
        "tenant=\"contoso\"",
        "ids=120",
        "requests=2",
        "accepted=60",
        "refused=0",
        "not_applied=60",
        "unknown=0",
        "outcome=\"no-token\"",
    ];
    for field in call {
        assert!(ended.contains(field), "{field} is not in {ended}");
    }
    for arrival in graph.arrivals(0) {
        let id = format!("client_request_id=\"{}\"", arrival.client_request_id);
        let request = log.lines().find(|line| line.contains(&id) && line.contains("close")).unwrap();
        let status = format!("status={}", arrival.status.unwrap().as_u16());
        assert!(request.contains(&status) && request.contains("request_id="), "{request}");
        assert!(request.contains("path=\"/v1.0/identityProtection/riskyUsers/dismiss\""), "{request}");
    }
    let waits: Vec<_> = log.lines().filter(|line| line.contains("waiting before the next request")).collect();
    let [long, brief] = waits.as_slice() else { panic!("{waits:?}") };
    assert!(long.contains(" INFO ") && long.contains(r#"reason="throttled" status=429 wait="#), "{long}");
    assert!(brief.contains("DEBUG ") && brief.contains(r#"reason="server-error" status=503 wait="#), "{brief}");
    let repeated: Vec<_> = log.lines().filter(|line| line.contains("is to be repeated status=")).collect();
    assert_eq!(repeated.len(), 2, "{repeated:?}");
    // Neither ids nor what Microsoft Graph says about them.
    assert!(waits.iter().all(|line| !line.contains("00000000-") && !line.contains("Too")), "{waits:?}");
    // The events of all libraries on the way are in the log, and none contains the token.
    assert!(log.contains("hyper"), "{log}");
    assert!(!log.contains("janary") && !log.contains("token-that-must-never-show"));
}
