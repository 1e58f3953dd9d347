//! What a host may do while the plugin asks for a token, in an embedding that lets it in: `stop`,
//! and nothing else.

use std::time::Duration;

use graph_model::Behavior;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use host_test::reentry::Reentry;
use host_test::script::accepted;

use super::{Open, accepting, assert_at, ended, in_turn, over, script};
use crate::request::{ids, one_by_one};

#[tokio::test(start_paused = true)]
async fn a_stop_during_a_token_request_takes_effect() {
    let mut open = Open::start(accepting(1, 100), Action::DismissSignIns, &ids(3), in_turn()).await;
    open.plugin.reenter(open.call, Reentry::Stop(None), 1);
    // The token for the second id is asked for while the first one is in flight, and is not used.
    assert_eq!(ended(open.next(None).await), ["not-applied(not-attempted)"]);
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    assert_eq!(over(open.next(None).await), Some("cancelled"));
    assert_eq!((open.sent_ms().len(), open.plugin.token_requests().len(), open.now_ms()), (1, 2, 100));
}

#[tokio::test(start_paused = true)]
async fn a_token_request_uses_up_at_most_a_second_of_the_grace() {
    let token = Duration::from_secs(3);
    let host = Host::new(Outbound::InProcess(script([(0, Behavior::Silence)])), canary(), 0);
    let plugin = Plugin::new(PluginComponent::shared(), host.token_latency(move || token)).await.expect("the plugin");
    let mut open = Open::with(plugin, Action::DismissSignIns, &ids(2), one_by_one()).await;
    open.plugin.reenter(open.call, Reentry::Stop(Some(5_000)), 1);
    // The first token takes until 3 s; the second request for one stops the call then, and takes
    // until 6 s.
    assert_eq!(ended(open.next(Some(1)).await), ["not-applied(not-attempted)"]);
    assert_at(open.now_ms(), 6_000);
    assert_eq!(ended(open.next(None).await), ["unknown(no-response)"]);
    assert_at(open.now_ms(), 10_000);
}

#[tokio::test(start_paused = true)]
async fn everything_else_traps_and_ends_the_instance() {
    let reentries = [Reentry::Next, Reentry::Report, Reentry::Drop, Reentry::Start, Reentry::Function];
    for reentry in reentries {
        let mut open = Open::start(accepting(0, 0), Action::DismissSignIns, &ids(1), in_turn()).await;
        let other = open.plugin.start(Action::DismissSignIns, &ids(1), None).await.expect("no trap").expect("valid");
        open.plugin.reenter(open.call, reentry, 0);
        let trap = open.plugin.next(open.call, None).await.expect_err("a trap");
        // wasmtime itself does not drop what a function borrows.
        let expected = if reentry == Reentry::Drop { "while borrowed" } else { "unreachable" };
        assert!(format!("{trap:?}").contains(expected), "{reentry:?}: {trap:?}");
        assert!(open.plugin.next(other, Some(0)).await.is_err(), "{reentry:?}: the instance goes on");
        assert!(open.plugin.call(Action::DismissSignIns, &ids(1), None).await.is_err(), "{reentry:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_call_may_be_stopped_during_a_token_request() {
    let mut open = Open::start(script([(0, accepted())]), Action::DismissSignIns, &ids(1), in_turn()).await;
    let other = open.plugin.start(Action::DismissSignIns, &ids(1), None).await.expect("no trap").expect("valid");
    open.plugin.reenter(other, Reentry::Stop(Some(0)), 0);
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    assert_eq!(ended(open.plugin.next(other, Some(0)).await.expect("no trap")), ["not-applied(not-attempted)"]);
}
