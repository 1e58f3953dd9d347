//! Dismisses the risk of users: `dismiss USER-ID...`, with the token in `GRAPH_TOKEN`. If
//! `GRAPH_ENDPOINT` is set, requests go there instead of to Microsoft Graph. A line for each batch
//! appears as soon as it has ended.

use std::{env, error::Error, process::ExitCode};

use entra_risk_host::{AccessToken, Action, EntraRisk, Options, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let token = env::var("GRAPH_TOKEN").unwrap_or_default();
    let token = AccessToken::new(token).map_err(|rule| format!("no usable token in GRAPH_TOKEN: {rule}"))?;
    let endpoint = env::var("GRAPH_ENDPOINT").ok();
    let allowed_endpoints = endpoint.iter().cloned().collect();
    let risk = EntraRisk::new(token, Settings { endpoint, allowed_endpoints, ..Settings::default() })?;
    let ids: Vec<String> = env::args().skip(1).collect();

    let mut call = risk.start(Action::DismissRiskyUsers, &ids, &Options::default())?;
    while let Some(batch) = call.next().await {
        println!("{}: {} ids", batch.outcome.name(), batch.ids.len());
    }
    let report = call.finish().await?;
    if report.cause.is_some() {
        println!("{report}");
        println!("refused: {}", report.refused().collect::<Vec<_>>().join(" "));
        println!("to retry: {}", report.to_retry().collect::<Vec<_>>().join(" "));
        return Ok(ExitCode::FAILURE);
    }
    println!("accepted: {}", report.accepted().count());
    Ok(ExitCode::SUCCESS)
}
