//! Bad ids among many: the requests by the share of bad ids.

use std::path::Path;

use comfy_table::Table;
use plotters::prelude::*;
use bench::Isolation;
use wasmtime::ensure;

use crate::page::{Page, empty_table, time};

const BAD: [usize; 14] = [0, 1, 3, 10, 30, 100, 200, 300, 500, 1_000, 2_000, 3_000, 5_000, 10_000];

const NOTE: &str = "\
# Bad ids

![Requests by the share of bad ids](isolation.svg)

Requests to dismiss the risk of 10 000 users when Microsoft Graph refuses every request that contains a bad id: a user
who was deleted or is not at risk. In virtual time, 60 users in a request, responses in 0.2 s, bad ids spread at random;
medians of 5 seeds. In every run that its patience did not end, exactly the good ids were accepted, and each bad id was
refused alone.

The bound is the largest of three: n·H(p), the information in the positions of the bad ids in bits, where H is the
binary entropy of their share p; n/60; and one request for each bad id. One id per request always takes 10 000. If
nothing is accepted, the call ends after `patience-ms`: the last row.
";

/// Measures the runs and writes `isolation.md` and `isolation.svg`.
pub(crate) fn write(folder: &Path) -> wasmtime::Result<()> {
    let runs = BAD.into_iter().map(Isolation::take).collect::<wasmtime::Result<Vec<_>>>()?;
    let page = Page { name: "isolation", note: NOTE, table: table(&runs) };
    plot(&runs, &page.write(folder)?)?;
    for run in &runs {
        ensure!(run.accepted == Isolation::USERS - run.bad, "good ids were not accepted: {run:?}");
    }
    Ok(())
}

fn table(runs: &[Isolation]) -> Table {
    let mut table = empty_table(["bad ids", "share", "requests", "bound", "× bound", "time"]);
    for run in runs {
        let bound = Isolation::bound(run.bad);
        table.add_row([
            run.bad.to_string(),
            format!("{} %", run.bad as f64 / 100.0),
            run.requests.to_string(),
            format!("{bound:.0}"),
            if run.accepted == 0 { "-".into() } else { format!("{:.2}", run.requests as f64 / bound) },
            time(run.elapsed),
        ]);
    }
    table
}

/// Plots requests by the number of bad ids, both logarithmic.
fn plot(runs: &[Isolation], file: &Path) -> wasmtime::Result<()> {
    let root = SVGBackend::new(file, (800, 500)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Dismissing 10 000 risky users, some of them bad ids", ("sans-serif", 20))
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d((0.8..6_000.0).log_scale(), (100.0..15_000.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("bad ids of 10 000")
        .y_desc("requests (at one per second: seconds)")
        .x_label_formatter(&|bad| format!("{bad:.0}"))
        .y_label_formatter(&|requests| format!("{requests:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;

    let plotted = || runs.iter().filter(|run| run.bad > 0 && run.accepted > 0);
    let one_by_one = [(0.8, Isolation::USERS as f64), (6_000.0, Isolation::USERS as f64)];
    let style = RED.stroke_width(2);
    chart
        .draw_series(LineSeries::new(one_by_one, style))?
        .label("one id per request")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    let style = BLUE.stroke_width(2);
    chart
        .draw_series(LineSeries::new(plotted().map(|run| (run.bad as f64, run.requests as f64)), style).point_size(3))?
        .label("entra-risk")
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    // More points than runs, because the bound is a curve.
    let bound = (0..=200).map(|step| 6_000_f64.powf(f64::from(step) / 200.0).round() as usize);
    let bound = bound.map(|bad| (bad as f64, Isolation::bound(bad)));
    chart
        .draw_series(DashedLineSeries::new(bound, 5, 4, BLACK.stroke_width(1)))?
        .label("lower bound")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::MiddleRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    root.present()?;
    Ok(())
}
