//! Dismisses the risk of users: `dismiss USER-ID...`, with the token in `GRAPH_TOKEN`. If `GRAPH_ENDPOINT` is set, requests
//! go there instead of to Microsoft Graph.

use std::{env, error::Error, process::ExitCode};

use entra_risk_host::{AccessToken, EntraRisk, Options, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let token = env::var("GRAPH_TOKEN").unwrap_or_default();
    let token = AccessToken::new(token).map_err(|rule| format!("no usable token in GRAPH_TOKEN: {rule}"))?;
    let endpoint = env::var("GRAPH_ENDPOINT").ok();
    let allowed_endpoints = endpoint.clone().into_iter().collect();
    let risk = EntraRisk::new(token, Settings { endpoint, allowed_endpoints, ..Settings::default() })?;
    let ids: Vec<String> = env::args().skip(1).collect();
    match risk.dismiss_risky_users(&ids, &Options::default()).await {
        Ok(batches) => println!("accepted: {}", batches.iter().map(|batch| batch.ids.len()).sum::<usize>()),
        Err(failure) => {
            failure.batches.iter().for_each(|batch| println!("{:?}: {:?}", batch.ids, batch.outcome));
            println!("{failure}");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
