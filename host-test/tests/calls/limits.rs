//! Several open calls of an instance, and what they share.

use graph_model::Behavior;
use host_test::bindings::actions::{Options, RateLimit};
use host_test::bindings::calls::{Call, Event};
use host_test::plugin::{Action, Plugin};
use host_test::script::{accepted, graph_error};

use super::{Open, accepting, assert_at, ended, script, waiting};
use crate::request::{ids, one_by_one};

async fn start(plugin: &mut Plugin, action: Action, n: u128, options: &Options) -> Call {
    plugin.start(action, &ids(n), Some(options)).await.expect("no trap").expect("valid arguments")
}

/// Works on calls in turn until all are over.
async fn work_in_turn(plugin: &mut Plugin, calls: &[Call], wait_ms: u32) {
    let mut left = calls.to_vec();
    while !left.is_empty() {
        let mut going = Vec::new();
        for call in left {
            match plugin.next(call, Some(wait_ms)).await.expect("no trap") {
                Event::Over(cause) => assert_eq!(cause, None),
                _ => going.push(call),
            }
        }
        left = going;
    }
}

#[tokio::test(start_paused = true)]
async fn open_calls_keep_one_limit_together() {
    let actions = [Action::DismissRiskyUsers, Action::ConfirmRiskyUsersSafe, Action::DismissRiskyServicePrincipals];
    let actions = actions.into_iter().chain([Action::ConfirmRiskyAgentsCompromised]);
    let mut plugin = Plugin::before(accepting(20, 300)).await;
    let mut calls = Vec::new();
    for action in actions {
        calls.push(start(&mut plugin, action, 5, &one_by_one()).await);
    }
    work_in_turn(&mut plugin, &calls, 10).await;
    let gaps = plugin.gaps_ms();
    assert!(gaps.len() == 19 && (1_000..=1_300).contains(&gaps[0]), "{gaps:?}");
    assert!(gaps[1..].iter().all(|gap| (1_000..=1_100).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn sign_ins_and_tenants_have_limits_of_their_own() {
    let tenant = |name: &str| Options { tenant: Some(name.into()), ..one_by_one() };
    let mut plugin = Plugin::before(accepting(4, 5_000)).await;
    let calls = [
        start(&mut plugin, Action::DismissRiskyUsers, 1, &one_by_one()).await,
        start(&mut plugin, Action::DismissSignIns, 1, &one_by_one()).await,
        start(&mut plugin, Action::DismissRiskyUsers, 1, &tenant("a")).await,
        start(&mut plugin, Action::DismissRiskyUsers, 1, &tenant("b")).await,
    ];
    for call in calls {
        waiting(plugin.next(call, Some(0)).await.expect("no trap"));
    }
    super::pause(0).await;
    assert_eq!(plugin.gaps_ms(), [0, 0, 0]);
    work_in_turn(&mut plugin, &calls, 10).await;
}

#[tokio::test(start_paused = true)]
async fn a_hold_holds_every_open_call() {
    let throttled = graph_error(429, &[("retry-after", "30")], "TooManyRequests", "");
    let mut plugin = Plugin::before(script([(0, throttled), (0, accepted()), (0, accepted())])).await;
    let first = start(&mut plugin, Action::DismissRiskyUsers, 1, &one_by_one()).await;
    let second = start(&mut plugin, Action::ConfirmRiskyUsersSafe, 1, &one_by_one()).await;
    waiting(plugin.next(first, Some(100)).await.expect("no trap"));
    let progress = waiting(plugin.next(second, Some(100)).await.expect("no trap"));
    assert!(progress.next_send_ms.is_some_and(|ms| ms >= 29_000), "{progress:?}");
    work_in_turn(&mut plugin, &[second, first], 100).await;
    let gaps = plugin.gaps_ms();
    assert!(gaps[0] >= 30_000 && gaps[1] >= 1_000, "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn each_call_applies_its_own_rate_limit_to_the_sends_of_all() {
    let fast = Options { rate_limit: Some(RateLimit { requests: 10, window_ms: 1_000 }), ..one_by_one() };
    let mut plugin = Plugin::before(accepting(4, 0)).await;
    let quick = start(&mut plugin, Action::DismissRiskyUsers, 3, &fast).await;
    work_in_turn(&mut plugin, &[quick], 100).await;
    assert!(plugin.gaps_ms().iter().all(|gap| *gap < 500), "{:?}", plugin.gaps_ms());
    let slow = start(&mut plugin, Action::DismissRiskyUsers, 1, &one_by_one()).await;
    work_in_turn(&mut plugin, &[slow], 100).await;
    assert!(plugin.gaps_ms()[2] >= 1_000, "{:?}", plugin.gaps_ms());
}

#[tokio::test(start_paused = true)]
async fn the_functions_may_be_called_while_a_call_is_open() {
    let mut open = Open::start(accepting(3, 200), Action::DismissRiskyUsers, &ids(2), one_by_one()).await;
    waiting(open.next(Some(100)).await);
    let result = open.plugin.call(Action::DismissRiskyUsers, &ids(1), None).await.expect("no trap");
    assert!(result.is_ok(), "{result:?}");
    // What has arrived meanwhile is reported without waiting.
    let before = open.now_ms();
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    assert_eq!(open.now_ms(), before);
    assert_eq!(ended(open.next(None).await), ["accepted"]);
    let gaps = open.plugin.gaps_ms();
    // The first response is read late, so the connection may have been slow.
    assert!(gaps.iter().all(|gap| (1_000..=1_300).contains(gap)), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_call_whose_next_runs_makes_progress() {
    let mut plugin = Plugin::before(accepting(2, 100)).await;
    let first = start(&mut plugin, Action::DismissSignIns, 1, &one_by_one()).await;
    let second = start(&mut plugin, Action::DismissSignIns, 1, &one_by_one()).await;
    assert_eq!(ended(plugin.next(second, None).await.expect("no trap")), ["accepted"]);
    assert_eq!(plugin.exchanges().len(), 1);
    assert_eq!(ended(plugin.next(first, None).await.expect("no trap")), ["accepted"]);
}

#[tokio::test(start_paused = true)]
async fn one_response_that_never_comes_does_not_keep_the_others_waiting() {
    let replies = (0..16).map(|nth| match nth {
        4 => (0, Behavior::Silence),
        _ => (200, accepted()),
    });
    let mut open = Open::start(script(replies), Action::DismissRiskyUsers, &ids(900), Options::default()).await;
    let mut ended_at = Vec::new();
    loop {
        match open.next(Some(1_000)).await {
            Event::Ended(batches) => ended_at.extend(batches.iter().map(|_| open.now_ms())),
            Event::Waiting(_) => {}
            Event::Over(cause) => break assert_eq!(cause, None),
        }
    }
    assert_eq!(ended_at.len(), 15);
    println!("14 requests in {} ms, the last in {} ms", ended_at[13], ended_at[14]);
    assert!(ended_at[13] <= 16_000, "{ended_at:?}");
    // It is sent again after its timeout of 30 s.
    assert_at(open.sent_ms()[15].min(ended_at[14]) / 10 * 10, open.sent_ms()[15] / 10 * 10);
}
