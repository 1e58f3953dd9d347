//! The limits of the plugin: exceeding one ends the call, not the process.

use std::time::Duration;

use entra_risk_host::{Action, ErrorKind, Options, Outcome, RateLimit, Report, Settings};
use graph_model::Server;

use crate::service::{Recorder, accepted, fast, ids, response_with, risk, settings};

/// The reason why the plugin was stopped.
fn reason(report: &Report) -> &str {
    let cause = report.cause.as_ref().unwrap();
    assert_eq!(cause.kind, ErrorKind::PluginStopped);
    &cause.message
}

/// Whether the ids of the first batch were never sent.
fn is_unsent(report: &Report) -> bool {
    let outcome = report.batches.first().map(|batch| &batch.outcome);
    matches!(outcome, Some(Outcome::NotApplied(error)) if error.kind == ErrorKind::NotAttempted)
}

#[tokio::test]
async fn too_much_memory_ends_the_call() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let risk = risk(Settings { max_memory_bytes: 512 << 10, ..settings(server.endpoint()) });
    accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
    let mut many = ids(1, 20_000);
    many.push(many[0].to_ascii_uppercase());
    let report = risk.dismiss_risky_users(&many, &fast()).await.unwrap();
    assert_eq!(reason(&report), "it needed more than 524288 bytes of memory");
    assert_eq!(risk.instances(), 0);
    // Nothing had been sent.
    assert_eq!(service.requests().len(), 1);
    assert!(is_unsent(&report));
    assert_eq!(report.to_retry().collect::<Vec<_>>(), ids(1, 20_000));
    accepted(risk.dismiss_risky_users(&ids(1, 1), &fast())).await;
}

#[tokio::test]
async fn too_many_instructions_end_the_call_and_its_ids_are_unknown() {
    // The plugin would send again until patience is over.
    let service = Recorder::new(|_| response_with(429, "retry-after", "0"));
    let server = Server::start(service.clone(), 0).await.unwrap();
    let risk = risk(Settings { max_instructions: 5_000_000, ..settings(server.endpoint()) });
    let report = risk.dismiss_risky_users(&ids(1, 60), &fast()).await.unwrap();
    assert_eq!(reason(&report), "it executed more than 5000000 instructions");
    let [batch] = report.batches.as_slice() else { panic!("{report:?}") };
    assert_eq!(batch.outcome.name(), "unknown");
    assert_eq!((batch.ids.clone(), batch.attempts as usize), (ids(1, 60), service.requests().len()));
    assert!(batch.attempts > 1);
}

#[tokio::test]
async fn a_plugin_that_is_stopped_ends_every_call_of_the_tenant_and_keeps_what_has_ended() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let risk = risk(Settings { max_memory_bytes: 1 << 20, ..settings(server.endpoint()) });
    let users = ids(1, 120);
    // The second request would be sent after a minute.
    let rate_limit = Some(RateLimit { requests: 1, window: Duration::from_secs(60) });
    let slow = Options { rate_limit, ..Options::default() };
    let mut waiting = risk.start(Action::DismissRiskyUsers, &users, &slow).unwrap();
    assert!(waiting.next().await.is_some());
    assert!(is_unsent(&risk.dismiss_risky_users(&ids(1_000, 40_000), &slow).await.unwrap()));
    let report = waiting.finish().await.unwrap();
    assert_eq!(reason(&report), "it needed more than 1048576 bytes of memory");
    assert_eq!(report.accepted().collect::<Vec<_>>(), users[..60]);
    assert_eq!((report.batches[1].ids.as_slice(), report.batches[1].outcome.name()), (&users[60..], "unknown"));
}

#[tokio::test]
async fn an_instance_that_does_not_fit_ends_the_call() {
    let risk = risk(Settings { max_memory_bytes: 65_536, ..settings("http://127.0.0.1:1") });
    let report = risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
    assert_eq!(reason(&report), "it needed more than 65536 bytes of memory");
    assert!(is_unsent(&report));
}
