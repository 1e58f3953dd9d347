//! Cases from public reports, in virtual time.

use std::time::Duration;

use host_test::bindings::actions::Options;
use host_test::case::Case;
use host_test::checked_call::CheckedCall;
use host_test::host::Outbound;
use host_test::plugin::{Action, Plugin, canary};

/// The default of `max-in-flight`.
const MAX_IN_FLIGHT: usize = 4;

#[tokio::test(start_paused = true)]
async fn what_was_met_in_public_ends_as_it_should() {
    for case in Case::all() {
        for (latency_ms, in_flight) in [(0, 0), (200, 0), (2_500, MAX_IN_FLIGHT - 1)] {
            let service = case.service(Duration::from_millis(latency_ms));
            let plugin = Plugin::with(Outbound::InProcess(service), canary()).await;
            let action = Action::DismissRiskyUsers;
            let call = CheckedCall::driven(plugin, action, &case.ids, Options::default(), Some(1_000)).await;
            let name = format!("{} in {latency_ms} ms", case.name);
            println!("{name}: {} requests in {:.1} s", call.exchanges.len(), call.elapsed.as_secs_f64());
            let mut position = 0;
            for batch in call.batches() {
                for _ in &batch.ids {
                    let outcome = batch.outcome.name();
                    assert!(case.is_right(position, outcome), "{name}: the id at {position} is {outcome}: {batch:#?}");
                    position += 1;
                }
            }
            let cause = call.result.as_ref().err().map(|failure| failure.cause.case());
            if let Some(expected) = &case.cause {
                assert_eq!(cause, Some(expected.as_str()), "{name}");
            }
            assert!(call.exchanges.len() <= case.requests + in_flight, "{name}: {} requests", call.exchanges.len());
        }
    }
}
