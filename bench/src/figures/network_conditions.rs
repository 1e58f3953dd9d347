//! Networks with jitter, and other apps that use up the limit: the time compared with the least
//! that the limit allows, and the ids lost.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use graph_model::{Delay, Network, OtherClients, Settings};
use plotters::coord::Shift;
use plotters::prelude::*;
use wasmtime::ensure;

use super::chart;
use super::table::{table, time};
use crate::client::{Client, ids, median};

/// 100 requests of 60.
const USERS: usize = 6_000;
const SEEDS: u64 = 20;

/// The networks, each with its name in the table and in the plot.
const NETWORKS: [(&str, &str, Delay); 5] = [
    ("none", "none", Delay::None),
    ("±1 ms", "±1 ms", Delay::Uniform(Duration::from_millis(1))),
    ("±20 ms", "±20 ms", Delay::Uniform(Duration::from_millis(20))),
    (
        "lognormal, median 30 ms, σ 0.7",
        "30 ms, σ 0.7",
        Delay::LogNormal { median: Duration::from_millis(30), sigma: 0.7 },
    ),
    (
        "lognormal, median 82 ms, σ 0.9",
        "82 ms, σ 0.9",
        Delay::LogNormal { median: Duration::from_millis(82), sigma: 0.9 },
    ),
];
/// The shares of requests that are answered 429 because of another app.
const CONTENTION: [f64; 4] = [0.0, 0.3, 0.5, 0.7];

/// The job in one network, done by each client.
#[derive(Debug, Clone, Copy)]
struct Conditions {
    contention: f64,
    plugin: Achieved,
    in_sequence: Achieved,
    simultaneously: Achieved,
}

/// What a client achieves, as medians.
#[derive(Debug, Clone, Copy)]
struct Achieved {
    elapsed: Duration,
    /// Compared with the shortest time that the limit allows.
    ratio: f64,
    /// Ids that were not accepted, in percent.
    lost: f64,
}

impl Conditions {
    fn measure(delay: Delay, contention: f64) -> wasmtime::Result<Conditions> {
        let ids = ids(USERS);
        let dismiss = |client: Client| {
            let settings = |seed| Settings {
                network: Network { delay, ..Network::default() },
                others: OtherClients { refused: contention, ..OtherClients::default() },
                seed,
                ..Settings::default()
            };
            let runs = (0..SEEDS).map(|seed| client.dismiss(&ids, settings(seed)));
            let runs = runs.collect::<wasmtime::Result<Vec<_>>>()?;
            let elapsed = median(runs.iter().map(|run| run.elapsed));
            let lost = USERS - median(runs.iter().map(|run| run.accepted));
            wasmtime::error::Ok(Achieved {
                elapsed,
                ratio: elapsed.div_duration_f64(floor(contention)),
                lost: lost as f64 * 100.0 / USERS as f64,
            })
        };
        Ok(Conditions {
            contention,
            plugin: dismiss(Client::Plugin)?,
            in_sequence: dismiss(Client::InSequence)?,
            simultaneously: dismiss(Client::Simultaneously)?,
        })
    }
}

/// The shortest time between the first request and the last. Of the requests that the limit allows,
/// other apps leave a share.
fn floor(contention: f64) -> Duration {
    Duration::from_secs_f64(USERS.div_ceil(60) as f64 / (1.0 - contention) - 1.0)
}

/// Measures the job under all conditions, and draws the plot.
pub(crate) fn measure(plot: &Path) -> wasmtime::Result<Table> {
    let jitter = NETWORKS.map(|(.., delay)| Conditions::measure(delay, 0.0));
    let jitter = jitter.into_iter().collect::<wasmtime::Result<Vec<_>>>()?;
    let contention = CONTENTION.map(|share| Conditions::measure(Delay::None, share));
    let contention = contention.into_iter().collect::<wasmtime::Result<Vec<_>>>()?;
    for conditions in jitter.iter().chain(&contention) {
        ensure!(conditions.plugin.lost == 0.0, "ids were lost: {conditions:?}");
    }
    draw(&jitter, &contention, plot)?;
    Ok(tabulate(&jitter, &contention))
}

fn tabulate(jitter: &[Conditions], contention: &[Conditions]) -> Table {
    let header = [
        "network jitter",
        "answered 429",
        "floor",
        "entra-risk",
        "× floor",
        "lost",
        "60 ids, in sequence",
        "× floor",
        "lost",
    ];
    let jitter = NETWORKS.iter().zip(jitter).map(|((name, ..), conditions)| (*name, conditions));
    // The first conditions of both lists are the same.
    let all = jitter.chain(contention.iter().skip(1).map(|conditions| ("none", conditions)));
    let row = |(name, conditions): (&str, &Conditions)| {
        let Conditions { plugin, in_sequence, contention, .. } = conditions;
        let percent = |percent: f64| format!("{percent:.0} %");
        [
            name.to_owned(),
            percent(contention * 100.0),
            time(floor(*contention)),
            time(plugin.elapsed),
            format!("{:.2}", plugin.ratio),
            percent(plugin.lost),
            time(in_sequence.elapsed),
            format!("{:.2}", in_sequence.ratio),
            percent(in_sequence.lost),
        ]
    };
    table(header, all.map(row))
}

/// Plots jitter and contention beside each other: the times above, the ids lost below.
fn draw(jitter: &[Conditions], contention: &[Conditions], file: &Path) -> wasmtime::Result<()> {
    let root = SVGBackend::new(file, (1_000, 640)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(540);
    let names = NETWORKS.map(|(_, name, _)| name.to_owned());
    draw_column(&left, "Network jitter", &names, jitter)?;
    let names = CONTENTION.map(|share| format!("{:.0} %", share * 100.0));
    draw_column(&right, "Requests answered 429 because of another app", &names, contention)?;
    root.present()?;
    Ok(())
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn draw_column(area: &Area, title: &str, names: &[String], all: &[Conditions]) -> wasmtime::Result<()> {
    let (above, below) = area.split_vertically(350);
    draw_panel(&above, title, "time / floor", 0.0..5.0, names, all, |result| result.ratio)?;
    draw_panel(&below, "", "ids lost, %", 0.0..100.0, names, all, |result| result.lost)
}

/// Plots one value of each client under all conditions.
fn draw_panel(
    area: &Area,
    title: &str,
    unit: &str,
    range: Range<f64>,
    names: &[String],
    all: &[Conditions],
    value: fn(&Achieved) -> f64,
) -> wasmtime::Result<()> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(55)
        .build_cartesian_2d(-0.4..all.len() as f64 - 0.6, range)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(all.len())
        .x_label_formatter(&|x| {
            let is_whole = (x - x.round()).abs() < 0.01;
            names.get(x.round() as usize).filter(|_| is_whole && *x > -0.5).cloned().unwrap_or_default()
        })
        .y_desc(unit)
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let points = |result: fn(&Conditions) -> &Achieved| {
        all.iter().enumerate().map(move |(x, conditions)| (x as f64, value(result(conditions))))
    };
    chart::line(&mut chart, "Graph SDK, simultaneously", RED, points(|all| &all.simultaneously))?;
    chart::line(&mut chart, "Graph SDK, in sequence", MAGENTA, points(|all| &all.in_sequence))?;
    chart::line(&mut chart, "entra-risk", BLUE, points(|all| &all.plugin))?;
    // One legend in a column is enough.
    if title.is_empty() { Ok(()) } else { chart::legend(&mut chart, SeriesLabelPosition::MiddleLeft) }
}
