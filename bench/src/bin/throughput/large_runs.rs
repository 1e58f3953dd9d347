//! Large runs without trouble: the time by users.

use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use plotters::prelude::*;
use bench::{Measurement, Outcome};
use wasmtime::ensure;

use crate::page::{Page, empty_table, time};

const USERS: [usize; 4] = [60, 1_000, 10_000, 100_000];
const LATENCIES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), PLOTTED];
/// The latency for which the clients differ most.
const PLOTTED: Duration = Duration::from_secs(3);

/// Measures the runs and writes `throughput.md` and `throughput.svg`.
pub(crate) fn write(folder: &Path) -> wasmtime::Result<()> {
    let mut measures = Vec::new();
    for users in USERS {
        for latency in LATENCIES {
            measures.push(Measurement::take(users, latency)?);
        }
    }
    let page = Page { name: "throughput", note: NOTE, table: table(&measures) };
    plot(&measures, &page.write(folder)?)?;
    for measure in &measures {
        ensure!(
            measure.plugin.accepted == measure.users && measure.refused == 0,
            "ids were not accepted, or requests refused: {measure:?}"
        );
    }
    Ok(())
}

const NOTE: &str = "\
# Large runs

![Time by users](throughput.svg)

Time to dismiss the risk of users under the documented limit of one request per second, in virtual time. The floor is
the shortest time that the limit allows between the first request and the last: one second for each request of 60
users except the first. \"429\" counts requests that the limit refused. The other clients retry as the Graph SDKs do:
three times, after 3 s doubling. They drop ids that are refused again; the percentage is the share of ids that were
accepted.
";

fn table(measures: &[Measurement]) -> Table {
    let mut table = empty_table([
        "users",
        "requests",
        "floor",
        "responses in",
        "entra-risk",
        "× floor",
        "429",
        "one id per request",
        "60 ids, in turn",
        "60 ids, all at once",
    ]);
    for measure in measures {
        let ratio = match measure.floor() {
            Duration::ZERO => "-".into(),
            floor => format!("{:.3}", measure.plugin.elapsed.as_secs_f64() / floor.as_secs_f64()),
        };
        let other = |outcome: Outcome| match outcome.accepted * 100 / measure.users {
            100 => time(outcome.elapsed),
            done => format!("{} ({done} %)", time(outcome.elapsed)),
        };
        table.add_row([
            measure.users.to_string(),
            measure.requests().to_string(),
            time(measure.floor()),
            time(measure.latency),
            time(measure.plugin.elapsed),
            ratio,
            measure.refused.to_string(),
            other(measure.one_by_one),
            other(measure.in_turn),
            other(measure.at_once),
        ]);
    }
    table
}

/// Plots seconds by users, both logarithmic.
fn plot(measures: &[Measurement], file: &Path) -> wasmtime::Result<()> {
    let root = SVGBackend::new(file, (800, 500)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Dismissing risky users at one request per second, responses in 3 s", ("sans-serif", 20))
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

    let of = |value: fn(&Measurement) -> Duration| {
        let same = measures.iter().filter(|measure| measure.latency == PLOTTED);
        same.map(|measure| (measure.users as f64, value(measure).as_secs_f64())).collect::<Vec<_>>()
    };
    let lines = [
        ("one id per request", RED, of(|measure| measure.one_by_one.elapsed)),
        ("60 ids per request, in turn", MAGENTA, of(|measure| measure.in_turn.elapsed)),
        ("entra-risk", BLUE, of(|measure| measure.plugin.elapsed)),
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
        .label("shortest time that the limit allows")
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
