//! Dismisses the risk of users: `dismiss USER-ID...`, with the token in `GRAPH_TOKEN`. If `GRAPH_ENDPOINT` is set, requests
//! go there instead of to Microsoft Graph.

use std::{env, error::Error};

use entra_risk_host::{AccessToken, EntraRisk, Options, Settings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let token = AccessToken::new(env::var("GRAPH_TOKEN")?)?;
    let endpoint = env::var("GRAPH_ENDPOINT").ok();
    let allowed_endpoints = endpoint.clone().into_iter().collect();
    let risk = EntraRisk::new(token, Settings { endpoint, allowed_endpoints, ..Settings::default() })?;
    let ids: Vec<String> = env::args().skip(1).collect();
    match risk.dismiss_risky_users(&ids, &Options::default()).await {
        Ok(batches) => println!("accepted: {}", batches.iter().map(|batch| batch.ids.len()).sum::<usize>()),
        Err(failure) => {
            failure.batches.iter().for_each(|batch| println!("{:?}: {:?}", batch.ids, batch.outcome));
            return Err(failure.into());
        }
    }
    Ok(())
}
