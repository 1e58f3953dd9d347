//! `bulk` measures how long large jobs take under the documented limit, prints a table, and writes it with a plot into a
//! folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};
use host_test::bulk::Measure;
use plotters::prelude::*;
use wasmtime::ensure;

/// Measures how long it takes to dismiss many users under the documented limit of one request a second.
#[derive(Parser)]
struct Arguments {
    /// The folder that `bulk.md` and `bulk.svg` are written into.
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

const USERS: [usize; 4] = [60, 1_000, 10_000, 100_000];
const LATENCIES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), PLOTTED];
/// The answers for which the ways differ most.
const PLOTTED: Duration = Duration::from_secs(3);

fn main() -> wasmtime::Result<()> {
    let out = Arguments::parse().out;
    let mut measures = Vec::new();
    for users in USERS {
        for latency in LATENCIES {
            measures.push(Measure::take(users, latency)?);
        }
    }
    let table = table(&measures);
    println!("{table}");
    fs::create_dir_all(&out)?;
    fs::write(out.join("bulk.md"), format!("{NOTE}\n{table}\n"))?;
    plot(&measures, &out.join("bulk.svg"))?;
    for measure in &measures {
        ensure!(measure.plugin.accepted == measure.users && measure.refused == 0, "not done cleanly: {measure:?}");
    }
    Ok(())
}

const NOTE: &str = "\
# Large runs

![Time by users](bulk.svg)

Time to dismiss the risk of users under the documented limit of one request a second, in virtual time. The floor is the
least that the limit allows between the first request and the last: one second for each request of 60 users but the
first. \"429\" counts requests that the limit refused. The other ways retry as the Graph SDKs do: three times, after 3 s
doubling; ids that still were refused are lost, and the share that was done is given.
";

fn table(measures: &[Measure]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header([
        "users",
        "requests",
        "floor",
        "answers in",
        "entra-risk",
        "× floor",
        "429",
        "one id a request",
        "60 ids, in turn",
        "60 ids, all at once",
    ]);
    for measure in measures {
        let ratio = match measure.floor() {
            Duration::ZERO => "-".into(),
            floor => format!("{:.3}", measure.plugin.took.as_secs_f64() / floor.as_secs_f64()),
        };
        let other = |outcome: host_test::peer::Outcome| match outcome.accepted * 100 / measure.users {
            100 => time(outcome.took),
            done => format!("{} ({done} % done)", time(outcome.took)),
        };
        table.add_row([
            measure.users.to_string(),
            measure.requests().to_string(),
            time(measure.floor()),
            time(measure.latency),
            time(measure.plugin.took),
            ratio,
            measure.refused.to_string(),
            other(measure.one_by_one),
            other(measure.in_turn),
            other(measure.at_once),
        ]);
    }
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table
}

fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 600.0 => format!("{seconds:.1} s"),
        seconds if seconds < 36_000.0 => format!("{:.1} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3_600.0),
    }
}

/// Seconds by users, both in orders of magnitude.
fn plot(measures: &[Measure], file: &Path) -> wasmtime::Result<()> {
    let root = SVGBackend::new(file, (800, 500)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Dismissing risky users at one request a second, answers in 3 s", ("sans-serif", 20))
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d((50.0..130_000.0).log_scale(), (1.0..1_000_000.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("users")
        .y_desc("time")
        .x_label_formatter(&|users| format!("{users:.0}"))
        .y_label_formatter(&|seconds| format!("{seconds:.0} s"))
        .light_line_style(TRANSPARENT)
        .draw()?;

    let of = |value: fn(&Measure) -> Duration| {
        let same = measures.iter().filter(|measure| measure.latency == PLOTTED);
        same.map(|measure| (measure.users as f64, value(measure).as_secs_f64())).collect::<Vec<_>>()
    };
    let lines = [
        ("one id a request", RED, of(|measure| measure.one_by_one.took)),
        ("60 ids a request, in turn", MAGENTA, of(|measure| measure.in_turn.took)),
        ("entra-risk", BLUE, of(|measure| measure.plugin.took)),
    ];
    for (name, color, points) in lines {
        let style = color.stroke_width(2);
        chart
            .draw_series(LineSeries::new(points, style).point_size(3))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    let floor = measures.iter().filter(|measure| !measure.floor().is_zero());
    let floor = floor.map(|measure| (measure.users as f64, measure.floor().as_secs_f64()));
    chart
        .draw_series(DashedLineSeries::new(floor, 5, 4, BLACK.stroke_width(1)))?
        .label("the least that the limit allows")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
