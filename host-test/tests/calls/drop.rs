//! Calls that are dropped.

use std::sync::Arc;

use graph_model::Behavior;
use host_test::bindings::calls::Event;
use host_test::component::PluginComponent;
use host_test::host::{Host, Outbound};
use host_test::plugin::{Action, Plugin, canary};
use host_test::script::accepted;

use super::{AcceptAll, Open, accepting, ended, pause, script, waiting};
use crate::request::{ids, one_by_one};

#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_before_it_is_over() {
    let replies = [(0, Behavior::Silence), (60_000, accepted()), (0, accepted())];
    let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(3), one_by_one()).await;
    waiting(open.next(Some(1_500)).await);
    assert_eq!(open.sent_ms().len(), 2);
    open.plugin.drop_call(open.call).await.expect("no trap");
    // Nothing more is sent, and the instance goes on, with what it has sent in mind.
    pause(300).await;
    let driven = open.plugin.drive(Action::DismissRiskyUsers, &ids(1), None, None).await.expect("no trap");
    assert_eq!(driven.expect("valid").report[0].case(), "accepted");
    let sent = open.sent_ms();
    assert!(sent.len() == 3 && sent[2] - sent[1] >= 1_000, "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_may_be_dropped_before_its_first_next_and_after_it_is_over() {
    let mut open = Open::start(accepting(1, 0), Action::DismissSignIns, &ids(1), one_by_one()).await;
    let other = open.plugin.start(Action::DismissSignIns, &ids(1), None).await.expect("no trap").expect("valid");
    open.plugin.drop_call(other).await.expect("no trap");
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    assert!(matches!(open.next(None).await, Event::Over(None)));
    open.plugin.drop_call(open.call).await.expect("no trap");
    assert!(open.plugin.next(open.call, None).await.is_err(), "a dropped call is gone");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_no_memory_behind() {
    let host = Host::new(Outbound::InProcess(Arc::new(AcceptAll(100))), canary(), 0).max_memory(8 << 20);
    let mut plugin = Plugin::new(PluginComponent::shared(), host).await.expect("the plugin");
    for _ in 0..200 {
        let call = plugin.start(Action::DismissSignIns, &ids(5_000), None).await.expect("no trap").expect("valid");
        waiting(plugin.next(call, Some(0)).await.expect("no trap"));
        plugin.drop_call(call).await.expect("no trap");
        pause(10_000).await;
    }
    println!("{} KiB", plugin.memory() >> 10);
}
