//! The search for bad ids among many: the requests it takes until every good id is accepted, by the
//! number of bad ids.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use graph_model::{Naming, Settings};
use plotters::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use wasmtime::ensure;

use super::chart;
use super::table::{count, table, time};
use crate::client::{Client, Outcome, ids, median};

const USERS: usize = 10_000;
const BAD: [usize; 14] = [0, 1, 3, 10, 30, 100, 200, 300, 500, 1_000, 2_000, 3_000, 5_000, USERS];
/// Those in the table; the plot has all.
const TABULATED: [usize; 8] = [0, 1, 10, 100, 500, 1_000, 3_000, USERS];
const SEEDS: u64 = 5;

/// A job with bad ids, spread at random. All values are medians.
#[derive(Debug, Clone, Copy)]
struct Search {
    bad: usize,
    /// Requests if refusals name no id.
    requests: usize,
    /// Requests if a refusal names the first id at fault.
    named: usize,
    accepted: usize,
    elapsed: Duration,
}

impl Search {
    fn measure(bad: usize) -> wasmtime::Result<Search> {
        let ids = ids(USERS);
        let dismiss = |naming| {
            let run = |seed| {
                let drawn = ids.sample(&mut StdRng::seed_from_u64(seed), bad);
                let absent: BTreeSet<_> = drawn.filter_map(|id| id.parse().ok()).collect();
                Client::Plugin.dismiss(&ids, Settings { absent, naming, seed, ..Settings::default() })
            };
            (0..SEEDS).map(run).collect::<wasmtime::Result<Vec<_>>>()
        };
        let (unnamed, named) = (dismiss(Naming::None)?, dismiss(Naming::First)?);
        let requests = |runs: &[Outcome]| median(runs.iter().map(|run| run.requests));
        Ok(Search {
            bad,
            requests: requests(&unnamed),
            named: requests(&named),
            accepted: median(unnamed.iter().map(|run| run.accepted)),
            elapsed: median(unnamed.iter().map(|run| run.elapsed)),
        })
    }

    /// A lower bound on the requests if refusals name no id: the information in the positions of
    /// the bad ids, in bits; one request for each 60 ids; and one for each bad id, because each
    /// must be refused alone.
    fn bound(bad: usize) -> f64 {
        let share = bad as f64 / USERS as f64;
        let entropy = |p: f64| if p == 0.0 { 0.0 } else { -p * p.log2() };
        let information = USERS as f64 * (entropy(share) + entropy(1.0 - share));
        information.max(USERS as f64 / 60.0).max(bad as f64)
    }
}

/// Measures the searches, and draws the plot.
pub(crate) fn measure(plot: &Path) -> wasmtime::Result<Table> {
    let searches = BAD.into_iter().map(Search::measure).collect::<wasmtime::Result<Vec<_>>>()?;
    for search in &searches {
        ensure!(search.accepted == USERS - search.bad, "good ids were not accepted: {search:?}");
    }
    draw(&searches, plot)?;
    Ok(tabulate(&searches))
}

fn tabulate(searches: &[Search]) -> Table {
    let row = |search: &Search| {
        let bound = Search::bound(search.bad);
        [
            count(search.bad),
            format!("{} %", search.bad as f64 * 100.0 / USERS as f64),
            count(search.requests),
            count(bound.round() as usize),
            if search.accepted == 0 { "-".into() } else { format!("{:.2}", search.requests as f64 / bound) },
            time(search.elapsed),
            count(search.named),
        ]
    };
    let tabulated = searches.iter().filter(|search| TABULATED.contains(&search.bad));
    table(["bad ids", "share", "requests", "bound", "× bound", "time", "requests, if named"], tabulated.map(row))
}

/// Plots requests by the number of bad ids, both logarithmic.
fn draw(searches: &[Search], file: &Path) -> wasmtime::Result<()> {
    let root = SVGBackend::new(file, (800, 500)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Dismissing 10,000 risky users, some of them bad ids", ("sans-serif", 20))
        .margin(15)
        .x_label_area_size(45)
        .y_label_area_size(70)
        .build_cartesian_2d((0.8..6_000.0).log_scale(), (100.0..15_000.0).log_scale())?;
    chart
        .configure_mesh()
        .x_desc("bad ids of 10,000")
        .y_desc("requests (at one per second: seconds)")
        .x_label_formatter(&|bad| format!("{bad:.0}"))
        .y_label_formatter(&|requests| format!("{requests:.0}"))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let points = |value: fn(&Search) -> usize| {
        let plotted = searches.iter().filter(|search| search.bad > 0 && search.accepted > 0);
        plotted.map(move |search| (search.bad as f64, value(search) as f64))
    };
    chart::line(&mut chart, "one id per request", RED, [(0.8, USERS as f64), (6_000.0, USERS as f64)])?;
    chart::line(&mut chart, "entra-risk, refusals name no id", BLUE, points(|search| search.requests))?;
    chart::line(&mut chart, "entra-risk, refusals name an id", GREEN, points(|search| search.named))?;
    // More points than searches, because the bound is a curve.
    let bad = (0..=200).map(|step| 6_000_f64.powf(f64::from(step) / 200.0).round() as usize);
    chart::bound(&mut chart, "lower bound without names", bad.map(|bad| (bad as f64, Search::bound(bad))))?;
    chart::legend(&mut chart, SeriesLabelPosition::MiddleRight)?;
    root.present()?;
    Ok(())
}
