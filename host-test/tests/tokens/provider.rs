//! Token providers that fail, ask to stop, or take their time.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Graph, Reply, Request, Service, Settings};
use host_test::bindings::actions::{ErrorKind, Options};
use host_test::bindings::credentials::{Credential, TokenError};
use host_test::checked_call::CheckedCall;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound, TokenSource};
use host_test::plugin::{Action, CANARY, Plugin, canary};
use host_test::script::{Script, accepted};
use tokio::time::Instant;
use uuid::Uuid;

use super::{dismiss, one_by_one, source};

/// A source that is unavailable until so much time has passed.
fn unavailable_for(outage: Duration) -> TokenSource {
    let start = Instant::now();
    source(move |_| {
        if start.elapsed() < outage {
            Err(TokenError::Unavailable("the token endpoint is down".into()))
        } else {
            Ok(Credential::of(CANARY))
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_usable_token_sends_nothing() {
    type Provider = fn() -> Result<Credential, TokenError>;
    let providers: &[(Provider, &str)] = &[
        (|| Err(TokenError::Denied("no credential".into())), "no credential"),
        (|| Ok(Credential::of(String::new())), "empty"),
        (|| Ok(Credential::of(format!("{CANARY} "))), "visible ASCII"),
        (|| Ok(Credential::of(format!("{CANARY}\r\nx: y"))), "visible ASCII"),
        (|| Ok(Credential::of(format!("\u{e9}{CANARY}"))), "visible ASCII"),
        (|| Ok(Credential::of(format!("{CANARY}\0"))), "visible ASCII"),
        (|| Ok(Credential::of(format!("{CANARY}\u{7f}"))), "visible ASCII"),
        (|| Ok(Credential::of(CANARY.repeat(65_536))), "longer than 65536 bytes"),
    ];
    for (provider, part) in providers {
        let call = dismiss(source(|_| provider()), one_by_one(), []).await;
        let text = call.message(ErrorKind::NoToken);
        assert!(text.contains(part), "{part:?} is not in {text:?}");
        assert_eq!(call.outcomes(), ["not-applied(not-attempted)"], "{part}");
        assert_eq!(call.elapsed, Duration::ZERO, "{part}");
        assert_eq!(call.token_requests.len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unavailable_token_is_requested_again() {
    let mut is_first = true;
    let once: TokenSource = Box::new(move |_| match std::mem::take(&mut is_first) {
        true => Err(TokenError::Unavailable("busy".into())),
        false => Ok(Credential::of(CANARY)),
    });
    let call = dismiss(once, one_by_one(), [accepted(), accepted()]).await;
    assert_eq!((call.accepted().len(), call.token_requests.len()), (2, 3));
    assert!(call.elapsed <= Duration::from_secs(4), "{:?}", call.elapsed);
}

#[tokio::test(start_paused = true)]
async fn an_outage_of_the_token_provider_loses_nothing() {
    let call = dismiss(unavailable_for(Duration::from_secs(60)), one_by_one(), [accepted(), accepted()]).await;
    assert_eq!(call.accepted().len(), 2);
    println!("{:?}, {} token requests", call.elapsed, call.token_requests.len());
    assert!(call.elapsed <= Duration::from_secs(75), "{:?}", call.elapsed);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_if_the_token_provider_stays_unavailable() {
    let call = dismiss(unavailable_for(Duration::MAX), one_by_one(), []).await;
    let text = call.message(ErrorKind::NoToken);
    assert!(text.ends_with("the token endpoint is down"), "{text}");
    assert_eq!(call.outcomes(), ["not-applied(not-attempted)"]);
    println!("{:?}, {} token requests", call.elapsed, call.token_requests.len());
    assert!(call.elapsed <= Duration::from_secs(200), "{:?}", call.elapsed);
    assert!(call.token_requests.len() <= 40, "{}", call.token_requests.len());
}

#[tokio::test(start_paused = true)]
async fn the_token_provider_can_end_a_call() {
    let mut requests = 0;
    let denying: TokenSource = Box::new(move |_| {
        requests += 1;
        if requests < 3 { Ok(Credential::of(CANARY)) } else { Err(TokenError::Denied("enough".into())) }
    });
    let ids: Vec<String> = (1..=5).map(|n| Uuid::from_u128(n).to_string()).collect();
    // The first response arrives within the grace of 10 s, the second one does not.
    let service = Script::new([
        Reply::at_once(accepted()).after(Duration::from_secs(9)),
        Reply::at_once(accepted()).after(Duration::from_secs(11)),
    ]);
    let options = Options { ids_per_request: Some(1), ..Options::default() };
    let call = CheckedCall::before(service, denying, Action::DismissSignIns, &ids, options).await;
    assert!(call.message(ErrorKind::NoToken).contains("enough"), "{call:#?}");
    assert_eq!(call.outcomes(), ["accepted", "unknown(no-response)", "not-applied(not-attempted)"]);
    assert_eq!(call.batches()[2].ids.len(), 3);
    assert!(call.elapsed <= Duration::from_millis(10_001), "{:?}", call.elapsed);
}

/// A host whose token source takes this long.
async fn with_latency(service: Arc<dyn Service>, latency: Duration) -> Plugin {
    let host = Host::new(Outbound::InProcess(service), canary(), 0).token_latency(move || latency);
    Plugin::new(PluginComponent::shared(), host).await.expect("the plugin")
}

#[tokio::test(start_paused = true)]
async fn a_latency_below_the_spacing_does_not_lower_the_rate() {
    let ids: Vec<String> = (1..=50 * 60).map(|n| Uuid::from_u128(n).to_string()).collect();
    let graph = Arc::new(Graph::new(Settings::default()));
    let plugin = with_latency(graph, Duration::from_millis(300)).await;
    let call = CheckedCall::of(plugin, Action::DismissRiskyUsers, &ids, Options::default()).await;
    assert_eq!(call.accepted().len(), 50);
    println!("50 batches with a token latency of 300 ms: {:?}, floor 49 s", call.elapsed);
    assert!(call.elapsed <= Duration::from_millis(49_000 * 108 / 100 + 1_000), "{:?}", call.elapsed);
}

/// Accepts every request, after this time.
struct AcceptAll(Duration);

impl Service for AcceptAll {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        Reply::at_once(accepted()).after(self.0)
    }
}

#[tokio::test(start_paused = true)]
async fn time_in_the_token_provider_is_not_charged_to_requests_in_flight() {
    let ids: Vec<String> = (1..=4).map(|n| Uuid::from_u128(n).to_string()).collect();
    // Each response takes 800 ms of the 1 000 allowed; the token for the next request takes 5 s in
    // between.
    let plugin = with_latency(Arc::new(AcceptAll(Duration::from_millis(800))), Duration::from_secs(5)).await;
    let options = Options {
        ids_per_request: Some(1),
        attempt_timeout_ms: Some(1_000),
        max_attempts: Some(1),
        ..Options::default()
    };
    let call = CheckedCall::of(plugin, Action::DismissSignIns, &ids, options).await;
    assert_eq!(call.accepted().len(), 4);
}
