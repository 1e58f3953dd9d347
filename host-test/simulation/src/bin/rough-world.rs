//! `rough-world` prints how long calls take at the limit of the service in a rough world, and how
//! many requests the search for bad ids needs, as Markdown tables. The same in every run: time is
//! virtual and everything is seeded.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use graph_model::{Delay, Network, OtherClients, Settings};
use host_test::bindings::actions::{Options, Outcome};
use host_test::component::PluginComponent;
use host_test::plugin::{Action, CANARY};
use http::StatusCode;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use simulation::{Call, CallRecord, Form, Plan, Run, TokenProvider};
use uuid::Uuid;

const SECOND: Duration = Duration::from_secs(1);

/// Batches of a call at the limit.
const BATCHES: u128 = 100;

/// Ids of a call with bad ones.
const IDS: u128 = 10_000;

fn main() -> wasmtime::Result<()> {
    at_the_limit()?;
    contention()?;
    bad_ids()?;
    clusters()
}

/// The time of a call over jitter, as a multiple of the least that the limit allows.
fn at_the_limit() -> wasmtime::Result<()> {
    let ms = Duration::from_millis;
    let worlds = [
        ("none", Delay::None, Some(1.02), Some(1.03)),
        ("±1 ms", Delay::Uniform(ms(1)), Some(1.05), Some(1.05)),
        ("±20 ms", Delay::Uniform(ms(20)), Some(1.08), Some(1.07)),
        ("lognormal, 30 ms, σ 0.7", Delay::LogNormal { median: ms(30), sigma: 0.7 }, Some(1.16), Some(1.11)),
        ("lognormal, 82 ms, σ 0.9", Delay::LogNormal { median: ms(82), sigma: 0.9 }, Some(1.42), None),
    ];
    println!("| jitter | users, × 99 s | at most | sign-ins, × 190 s | at most | 429s | ids lost |");
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for (name, delay, users, sign_ins) in worlds {
        let network = Network { delay, ..Network::default() };
        let graph = Settings { network, ..Settings::default() };
        let (mut throttled, mut lost) = (0, 0);
        let mut measure = |action, floor: Duration| -> wasmtime::Result<f64> {
            let calls = play(0..20, |seed| one_id_per_request(seed, action, graph.clone()))?;
            throttled += calls.iter().map(|call| count(call, StatusCode::TOO_MANY_REQUESTS)).sum::<usize>();
            lost += calls.iter().map(lost_ids).sum::<usize>();
            Ok(median(calls.iter().map(|call| duration(call).div_duration_f64(floor)).collect()))
        };
        let measured =
            [measure(Action::DismissRiskyUsers, SECOND * 99)?, measure(Action::DismissSignIns, SECOND * 190)?];
        let most = [users, sign_ins].map(|most| most.map_or("".into(), |most: f64| format!("{most:.2}")));
        println!(
            "| {name} | {:.3} | {} | {:.3} | {} | {throttled} | {lost} |",
            measured[0], most[0], measured[1], most[1]
        );
    }
    println!();
    Ok(())
}

/// Calls while another app uses up the limit.
fn contention() -> wasmtime::Result<()> {
    println!("| answered 429 because of another app | action | median time | batches lost | most sends in a window |");
    println!("|--:|---|--:|--:|--:|");
    for refused in [0.3, 0.5, 0.7] {
        for (action, window, name) in
            [(Action::DismissRiskyUsers, SECOND, "users"), (Action::DismissSignIns, SECOND * 10, "sign-ins")]
        {
            let others = OtherClients { refused, ..OtherClients::default() };
            let graph = Settings { others, ..Settings::default() };
            let calls = play(0..20, |seed| one_id_per_request(seed, action, graph.clone()))?;
            let lost: usize = calls.iter().map(lost_ids).sum();
            let most = calls.iter().map(|call| most_sends(call, window)).max().unwrap_or_default();
            let time = median(calls.iter().map(|call| duration(call).as_secs_f64()).collect());
            println!("| {:.0} % | {name} | {time:.0} s | {lost} | {most} |", refused * 100.0);
        }
    }
    println!();
    Ok(())
}

/// Requests and time over the number of bad ids and the response time.
fn bad_ids() -> wasmtime::Result<()> {
    println!(
        "| bad of 10 000 | requests | at most | time at 0.2 s | at most | 3 s | at most | 5 s | at most | wrong |"
    );
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for (bad, most) in [(1, 180), (10, 250), (100, 890), (1_000, 5_250)] {
        let mut cells = Vec::new();
        let mut requests = 0.0;
        let mut wrong = 0;
        for latency in [0.2, 3.0, 5.0] {
            let calls = play(0..10, |seed| with_bad_ids(seed, IDS, random_ids(seed, bad), latency))?;
            wrong += (0..10).zip(&calls).map(|(seed, call)| wrong_ids(call, &random_ids(seed, bad))).sum::<usize>();
            let own = median(calls.iter().map(|call| call.arrivals.len() as f64).collect());
            requests = own.max(requests);
            let time = median(calls.iter().map(|call| duration(call).as_secs_f64()).collect());
            cells.push(format!("{time:.0} s | {:.0} s", own * (latency / 4.0_f64).max(1.05) + 20.0));
        }
        println!("| {bad} | {requests:.0} | {most} | {} | {wrong} |", cells.join(" | "));
    }
    println!();
    Ok(())
}

/// Bad ids in clusters, and nothing but bad ids.
fn clusters() -> wasmtime::Result<()> {
    println!("| bad ids | requests | time | good ids left | bad ids not refused alone |");
    println!("|---|--:|--:|--:|--:|");
    let cases = [
        ("1 000 at the front of 10 000", IDS, 0..1_000),
        ("1 000 in the middle", IDS, 4_500..5_500),
        ("1 000 at the end", IDS, 9_000..10_000),
        ("60 of 60", 60, 0..60),
        ("10 000 of 10 000", IDS, 0..IDS),
    ];
    for (name, ids, bad) in cases {
        let bad: BTreeSet<Uuid> = bad.map(Uuid::from_u128).collect();
        let calls = play(0..3, |seed| with_bad_ids(seed, ids, bad.clone(), 0.2))?;
        let requests = median(calls.iter().map(|call| call.arrivals.len() as f64).collect());
        let time = median(calls.iter().map(|call| duration(call).as_secs_f64()).collect());
        let left: usize = calls.iter().map(|call| lost_good(call, &bad)).sum();
        let found = calls.iter().map(|call| bad.len() - refused_alone(call, &bad)).sum::<usize>();
        println!("| {name} | {requests:.0} | {time:.1} s | {left} | {} |", found / calls.len());
    }
    Ok(())
}

/// Plays these seeds, one call each.
fn play(seeds: Range<u64>, plan: impl Fn(u64) -> Plan) -> wasmtime::Result<Vec<CallRecord>> {
    let calls = seeds.map(|seed| Run::record(PluginComponent::shared(), &plan(seed)));
    Ok(calls.collect::<wasmtime::Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn one_id_per_request(seed: u64, action: Action, graph: Settings) -> Plan {
    let options = Options { ids_per_request: Some(1), ..Options::default() };
    plan(seed, action, BATCHES, options, graph)
}

fn with_bad_ids(seed: u64, ids: u128, absent: BTreeSet<Uuid>, latency: f64) -> Plan {
    let latency = Duration::from_secs_f64(latency);
    let graph = Settings { absent, latency: latency..=latency, ..Settings::default() };
    plan(seed, Action::DismissRiskyUsers, ids, Options::default(), graph)
}

fn plan(seed: u64, action: Action, ids: u128, options: Options, graph: Settings) -> Plan {
    let ids = (0..ids).map(|id| Uuid::from_u128(id).to_string()).collect();
    let call = Call { pause: SECOND, action, ids, options, form: Form::Function };
    let graph = Settings { seed, token: Some(CANARY.into()), ..graph };
    Plan { seed, graph, tokens: TokenProvider::default(), calls: vec![call], overlaps: false }
}

fn random_ids(seed: u64, count: usize) -> BTreeSet<Uuid> {
    let mut ids: Vec<u128> = (0..IDS).collect();
    let (chosen, _) = ids.partial_shuffle(&mut StdRng::seed_from_u64(seed), count);
    chosen.iter().copied().map(Uuid::from_u128).collect()
}

fn duration(call: &CallRecord) -> Duration {
    call.ended - call.started
}

fn count(call: &CallRecord, status: StatusCode) -> usize {
    call.arrivals.iter().filter(|arrival| arrival.status == Some(status)).count()
}

/// Ids that were not accepted.
fn lost_ids(call: &CallRecord) -> usize {
    lost_good(call, &BTreeSet::new())
}

fn lost_good(call: &CallRecord, bad: &BTreeSet<Uuid>) -> usize {
    let lost = call.batches().iter().filter(|batch| !matches!(batch.outcome, Outcome::Accepted));
    lost.flat_map(|batch| &batch.ids).filter(|id| id.parse().is_ok_and(|id| !bad.contains(&id))).count()
}

fn refused_alone(call: &CallRecord, bad: &BTreeSet<Uuid>) -> usize {
    let alone: BTreeSet<&str> = call
        .arrivals
        .iter()
        .filter(|arrival| arrival.status == Some(StatusCode::NOT_FOUND))
        .filter_map(|arrival| match arrival.ids.as_slice() {
            [id] => Some(id.as_str()),
            _ => None,
        })
        .collect();
    let refused = call.batches().iter().filter(|batch| matches!(batch.outcome, Outcome::Refused));
    let is_right = |id: &&String| alone.contains(id.as_str()) && id.parse().is_ok_and(|id| bad.contains(&id));
    refused.flat_map(|batch| &batch.ids).filter(is_right).count()
}

fn wrong_ids(call: &CallRecord, bad: &BTreeSet<Uuid>) -> usize {
    lost_good(call, bad) + bad.len() - refused_alone(call, bad)
}

fn most_sends(call: &CallRecord, window: Duration) -> usize {
    let within = |from: Duration| call.arrivals.iter().filter(|a| a.sent >= from && a.sent < from + window).count();
    call.arrivals.iter().map(|arrival| within(arrival.sent)).max().unwrap_or_default()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
