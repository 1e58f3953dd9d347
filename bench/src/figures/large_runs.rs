//! Large runs without trouble: the time by the number of users, compared with the least that the
//! limit allows.

use std::path::Path;
use std::time::Duration;

use comfy_table::Table;
use graph_model::Settings;
use plotters::prelude::*;
use wasmtime::ensure;

use super::chart;
use super::table::{count, table, time};
use crate::client::{Client, Outcome, ids};

const USERS: [usize; 4] = [60, 1_000, 10_000, 100_000];
const LATENCIES: [Duration; 2] = [Duration::from_millis(200), PLOTTED];
/// The latency for which the clients differ most.
const PLOTTED: Duration = Duration::from_secs(3);

/// The same job, done by each client.
#[derive(Debug, Clone, Copy)]
struct LargeRun {
    users: usize,
    latency: Duration,
    plugin: Outcome,
    one_by_one: Outcome,
    in_sequence: Outcome,
    simultaneously: Outcome,
}

impl LargeRun {
    fn measure(users: usize, latency: Duration) -> wasmtime::Result<LargeRun> {
        let ids = ids(users);
        let dismiss =
            |client: Client| client.dismiss(&ids, Settings { latency: latency..=latency, ..Settings::default() });
        Ok(LargeRun {
            users,
            latency,
            plugin: dismiss(Client::Plugin)?,
            one_by_one: dismiss(Client::OneByOne)?,
            in_sequence: dismiss(Client::InSequence)?,
            simultaneously: dismiss(Client::Simultaneously)?,
        })
    }

    /// The number of requests that the job needs, with 60 users in each.
    fn requests(&self) -> usize {
        self.users.div_ceil(60)
    }

    /// The shortest time between the first request and the last, at one request per second.
    fn floor(&self) -> Duration {
        Duration::from_secs(self.requests() as u64 - 1)
    }
}

/// Measures the runs, and draws the plot.
pub(crate) fn measure(plot: &Path) -> wasmtime::Result<Table> {
    let mut runs = Vec::new();
    for users in USERS {
        for latency in LATENCIES {
            runs.push(LargeRun::measure(users, latency)?);
        }
    }
    for run in &runs {
        let plugin = run.plugin;
        ensure!(plugin.accepted == run.users && plugin.throttled == 0, "not accepted, or throttled: {run:?}");
    }
    draw(&runs, plot)?;
    Ok(tabulate(&runs))
}

fn tabulate(runs: &[LargeRun]) -> Table {
    let header = [
        "users",
        "requests",
        "floor",
        "responses in",
        "entra-risk",
        "× floor",
        "429s",
        "one id per request",
        "60 ids, in sequence",
        "60 ids, simultaneously",
    ];
    let row = |run: &LargeRun| {
        let ratio = match run.floor() {
            Duration::ZERO => "-".into(),
            floor => format!("{:.3}", run.plugin.elapsed.div_duration_f64(floor)),
        };
        let other = |outcome: Outcome| match outcome.accepted * 100 / run.users {
            100 => time(outcome.elapsed),
            done => format!("{} ({done} %)", time(outcome.elapsed)),
        };
        [
            count(run.users),
            count(run.requests()),
            time(run.floor()),
            time(run.latency),
            time(run.plugin.elapsed),
            ratio,
            run.plugin.throttled.to_string(),
            other(run.one_by_one),
            other(run.in_sequence),
            other(run.simultaneously),
        ]
    };
    table(header, runs.iter().map(row))
}

/// Plots seconds by users, both logarithmic.
fn draw(runs: &[LargeRun], file: &Path) -> wasmtime::Result<()> {
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
    let points = |value: fn(&LargeRun) -> Duration| {
        let plotted = runs.iter().filter(|run| run.latency == PLOTTED && !value(run).is_zero());
        plotted.map(|run| (run.users as f64, value(run).as_secs_f64())).collect::<Vec<_>>()
    };
    chart::line(&mut chart, "one id per request", RED, points(|run| run.one_by_one.elapsed))?;
    chart::line(&mut chart, "60 ids per request, in sequence", MAGENTA, points(|run| run.in_sequence.elapsed))?;
    chart::line(&mut chart, "entra-risk", BLUE, points(|run| run.plugin.elapsed))?;
    chart::bound(&mut chart, "shortest time that the limit allows", points(LargeRun::floor))?;
    chart::legend(&mut chart, SeriesLabelPosition::LowerRight)?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_users_take_at_most_three_percent_more_than_the_limit_allows() {
        for latency in LATENCIES {
            let settings = Settings { latency: latency..=latency, ..Settings::default() };
            let outcome = Client::Plugin.dismiss(&ids(10_000), settings).unwrap();
            assert_eq!((outcome.accepted, outcome.throttled), (10_000, 0));
            assert!(outcome.elapsed <= Duration::from_secs(166).mul_f64(1.03), "{outcome:?}");
        }
    }
}
