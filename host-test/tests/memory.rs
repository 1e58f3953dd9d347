//! Memory: responses of the largest size, within bounds.

use std::sync::Arc;
use std::time::Duration;

use graph_model::{Behavior, Reply, Request, Service};
use host_test::bindings::actions::{Options, RateLimit};
use host_test::checked_call::CheckedCall;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::respond;
use uuid::Uuid;

/// Responds with a body of 64 KiB and headers of 60 kB.
struct Verbose {
    status: u16,
    body: String,
}

impl Service for Verbose {
    fn serve(&self, _: Duration, _: Request) -> Reply {
        let long = "x".repeat(15_000);
        let challenge = format!(r#"Bearer realm="{long}""#);
        let headers =
            [("request-id", &*long), ("date", &*long), ("retry-after", &*long), ("www-authenticate", &*challenge)];
        let behavior: Behavior = respond(self.status, &headers, self.body.clone());
        Reply::at_once(behavior).after(Duration::from_millis(10))
    }
}

fn padded(text: &str, filling: &str) -> String {
    let count = ((64 << 10) - text.len()) / filling.len();
    text.replace("<filling>", &filling.repeat(count))
}

#[tokio::test(start_paused = true)]
async fn two_thousand_of_the_largest_responses_fit_in_16_mib() {
    let ids: Vec<String> = (1..=2_000).map(|n| Uuid::from_u128(n).to_string()).collect();
    let bodies = [
        padded(r#"{"error":{"code":"Code","message":"<filling>"}}"#, "x"),
        padded(r#"{"error":{<filling>"code":"Code"}}"#, r#""":0,"#),
    ];
    for (status, body) in [(400, &bodies[0]), (400, &bodies[1]), (501, &bodies[0])] {
        let service = Arc::new(Verbose { status, body: body.clone() });
        let host = Host::new(Outbound::InProcess(service), canary(), 0).max_memory(16 << 20);
        let plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin");
        let options = Options {
            ids_per_request: Some(1),
            max_in_flight: Some(32),
            max_attempts: Some(1),
            patience_ms: Some(u32::MAX),
            rate_limit: Some(RateLimit { requests: 32, window_ms: 1 }),
            ..Options::default()
        };
        // `CheckedCall` checks that there is no trap and that every id is reported.
        let call = CheckedCall::of(plugin, Action::DismissRiskyUsers, &ids, options).await;
        let outcome = if status == 400 { "refused(client-error)" } else { "unknown(server-error)" };
        assert!(call.outcomes().iter().all(|of| of == outcome) && call.batches().len() == 2_000);
        println!("{status}: {} KiB, {:?}", call.memory >> 10, call.elapsed);
    }
}
