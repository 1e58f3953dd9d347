//! The limits of the plugin: exceeding one ends the call, not the process.

use entra_risk_host::{Error, Failure, Outcome, Settings};
use graph_model::Server;

use crate::service::{Recorder, fast, ids, response, risk, settings};

/// The reason why the plugin was stopped.
fn reason(failure: &Failure) -> &str {
    let Error::PluginStopped(reason) = &failure.cause else { panic!("{failure}") };
    reason
}

#[tokio::test]
async fn too_much_memory_ends_the_call() {
    let service = Recorder::accepting();
    let server = Server::start(service.clone(), 0).await.unwrap();
    let risk = risk(Settings { max_memory_bytes: 512 << 10, ..settings(server.endpoint()) });
    risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
    let mut many = ids(1, 20_000);
    many.push(many[0].to_ascii_uppercase());
    let failure = risk.dismiss_risky_users(&many, &fast()).await.unwrap_err();
    assert_eq!(reason(&failure), "it needed more than 524288 bytes of memory");
    assert_eq!(risk.instances(), 0);
    // Nothing had been sent.
    assert_eq!(service.requests().len(), 1);
    assert!(matches!(failure.batches[0].outcome, Outcome::NotApplied(Error::NotAttempted)));
    assert_eq!(failure.to_retry().collect::<Vec<_>>(), ids(1, 20_000));
    risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap();
}

#[tokio::test]
async fn too_many_instructions_end_the_call_and_its_ids_are_unknown() {
    // The plugin would parse such responses until patience is over.
    let service = Recorder::new(|_| {
        let mut response = response(429, format!(r#"{{"error":{}0"#, r#"{"a":"#.repeat(10_000)));
        response.headers_mut().insert("retry-after", "0".parse().unwrap());
        response
    });
    let server = Server::start(service.clone(), 0).await.unwrap();
    let risk = risk(Settings { max_instructions: 5_000_000, ..settings(server.endpoint()) });
    let failure = risk.dismiss_risky_users(&ids(1, 60), &fast()).await.unwrap_err();
    assert_eq!(reason(&failure), "it executed more than 5000000 instructions");
    let [batch] = failure.batches.as_slice() else { panic!("{failure:?}") };
    assert!(matches!(batch.outcome, Outcome::Unknown(Error::PluginStopped(_))));
    assert_eq!((batch.ids.clone(), batch.attempts as usize), (ids(1, 60), service.requests().len()));
    assert!(batch.attempts > 1);
}

#[tokio::test]
async fn an_instance_that_does_not_fit_ends_the_call() {
    let risk = risk(Settings { max_memory_bytes: 65_536, ..settings("http://127.0.0.1:1") });
    let failure = risk.dismiss_risky_users(&ids(1, 1), &fast()).await.unwrap_err();
    assert_eq!(reason(&failure), "it needed more than 65536 bytes of memory");
    assert!(matches!(failure.batches[0].outcome, Outcome::NotApplied(Error::NotAttempted)));
}
