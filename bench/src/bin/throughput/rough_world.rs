//! Networks with jitter, and other apps that use up the limit: the time against the floor, and the ids lost.

use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use plotters::coord::Shift;
use plotters::prelude::*;
use bench::{Delay, Outcome, RoughRun};
use wasmtime::ensure;

use crate::page::{Page, empty_table, time};

/// The networks, each with its name in the table and in the plot.
const NETWORKS: [(&str, &str, Delay); 5] = [
    ("none", "none", Delay::None),
    ("±1 ms", "±1 ms", Delay::Uniform(Duration::from_millis(2))),
    ("±20 ms", "±20 ms", Delay::Uniform(Duration::from_millis(40))),
    (
        "lognormal, median 30 ms, σ 0.7",
        "30 ms, σ 0.7",
        Delay::Lognormal { median: Duration::from_millis(30), sigma: 0.7 },
    ),
    (
        "lognormal, median 82 ms, σ 0.9",
        "82 ms, σ 0.9",
        Delay::Lognormal { median: Duration::from_millis(82), sigma: 0.9 },
    ),
];
const CONTENTION: [f64; 4] = [0.0, 0.3, 0.5, 0.7];

const NOTE: &str = "\
# A rough world

![Time against the floor, and ids lost](rough-world.svg)

Time to dismiss the risk of 6 000 users, 100 requests of 60, at one request per second in virtual time; responses in
0.2 s, medians of 20 seeds. The service counts requests in a sliding window when they arrive, refused ones too.

- *Network jitter*: each request takes a random time to arrive. The floor is 99 s.
- *Another app of the tenant* uses up the limit: a share of the requests, drawn at random, is answered 429. The floor is
  the time in which that many requests can be sent: 100 divided by the remaining share, less one, in seconds.

The other clients retry as the Graph SDKs do: three times, after 3 s doubling, or after `Retry-After` up to 180 s, which
this limit does not send. They drop ids that are refused again: those are lost. A client that loses ids can end before
the floor.
";

/// Measures the runs and writes `rough-world.md` and `rough-world.svg`.
pub(crate) fn write(folder: &Path) -> wasmtime::Result<()> {
    let jitter = NETWORKS.map(|(.., delay)| RoughRun::take(delay, 0.0));
    let jitter = jitter.into_iter().collect::<wasmtime::Result<Vec<_>>>()?;
    let contention = CONTENTION.map(|share| RoughRun::take(Delay::None, share));
    let contention = contention.into_iter().collect::<wasmtime::Result<Vec<_>>>()?;
    let page = Page { name: "rough-world", note: NOTE, table: table(&jitter, &contention) };
    plot(&jitter, &contention, &page.write(folder)?)?;
    for run in jitter.iter().chain(&contention) {
        ensure!(run.plugin.accepted == RoughRun::USERS, "ids were lost: {run:?}");
    }
    Ok(())
}

fn table(jitter: &[RoughRun], contention: &[RoughRun]) -> Table {
    let mut table = empty_table([
        "network jitter",
        "answered 429",
        "floor",
        "entra-risk",
        "× floor",
        "lost",
        "60 ids, in turn",
        "× floor",
        "lost",
        "60 ids, all at once",
        "lost",
    ]);
    let jitter = NETWORKS.iter().zip(jitter).map(|((name, ..), run)| (*name, run));
    // The first world of both lists is the same.
    for (name, run) in jitter.chain(contention.iter().skip(1).map(|run| ("none", run))) {
        let ratio = |outcome: Outcome| format!("{:.2}", self::ratio(run, outcome));
        let lost = |outcome: Outcome| format!("{:.0} %", self::lost(outcome));
        table.add_row([
            name.to_owned(),
            format!("{:.0} %", run.contention * 100.0),
            time(run.floor()),
            time(run.plugin.elapsed),
            ratio(run.plugin),
            lost(run.plugin),
            time(run.in_turn.elapsed),
            ratio(run.in_turn),
            lost(run.in_turn),
            time(run.at_once.elapsed),
            lost(run.at_once),
        ]);
    }
    table
}

fn ratio(run: &RoughRun, outcome: Outcome) -> f64 {
    outcome.elapsed.as_secs_f64() / run.floor().as_secs_f64()
}

/// Ids that were not accepted, in percent.
fn lost(outcome: Outcome) -> f64 {
    100.0 - outcome.accepted as f64 * 100.0 / RoughRun::USERS as f64
}

/// Plots both worlds beside each other: the times above, the ids lost below.
fn plot(jitter: &[RoughRun], contention: &[RoughRun], file: &Path) -> wasmtime::Result<()> {
    let root = SVGBackend::new(file, (1_000, 640)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, right) = root.split_horizontally(540);
    let names = NETWORKS.map(|(_, name, _)| name.to_owned());
    column(&left, "Network jitter", &names, jitter)?;
    let names = CONTENTION.map(|share| format!("{:.0} %", share * 100.0));
    column(&right, "Requests answered 429 because of another app", &names, contention)?;
    root.present()?;
    Ok(())
}

/// Selects one client's result.
type Client = fn(&RoughRun) -> Outcome;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn column(area: &Area, title: &str, names: &[String], runs: &[RoughRun]) -> wasmtime::Result<()> {
    let (above, below) = area.split_vertically(350);
    panel(&above, title, "time / floor", 0.0..5.0, names, runs, ratio)?;
    panel(&below, "", "ids lost, %", 0.0..100.0, names, runs, |_, outcome| lost(outcome))
}

/// Plots one value of each client in each world.
fn panel(
    area: &Area,
    title: &str,
    unit: &str,
    range: std::ops::Range<f64>,
    names: &[String],
    runs: &[RoughRun],
    value: fn(&RoughRun, Outcome) -> f64,
) -> wasmtime::Result<()> {
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(55)
        .build_cartesian_2d(-0.4..runs.len() as f64 - 0.6, range)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(runs.len())
        .x_label_formatter(&|x| {
            let is_whole = (x - x.round()).abs() < 0.01;
            names.get(x.round() as usize).filter(|_| is_whole && *x > -0.5).cloned().unwrap_or_default()
        })
        .y_desc(unit)
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let clients: [(&str, RGBColor, Client); 3] = [
        ("Graph SDK, all at once", RED, |run| run.at_once),
        ("Graph SDK, in turn", MAGENTA, |run| run.in_turn),
        ("entra-risk", BLUE, |run| run.plugin),
    ];
    for (name, color, outcome) in clients {
        let style = color.stroke_width(2);
        let points = runs.iter().enumerate().map(|(x, run)| (x as f64, value(run, outcome(run))));
        chart
            .draw_series(LineSeries::new(points, style).point_size(4))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    // One legend in a column is enough.
    if title.is_empty() {
        return Ok(());
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleLeft)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
