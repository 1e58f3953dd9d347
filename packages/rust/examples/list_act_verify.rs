//! Dismisses the risk of users with a high level, and waits until it is gone, with one token, which
//! is in `GRAPH_TOKEN`. If `GRAPH_ENDPOINT` is set, requests go there instead of to Microsoft
//! Graph.

use std::{env, error::Error};

use entra_risk_host::{AccessToken, Action, EntraRisk, ListOptions, Options, Settings, VerifyOptions};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = env::var("GRAPH_ENDPOINT").ok();
    let allowed_endpoints = endpoint.iter().cloned().collect();
    let token = AccessToken::new(env::var("GRAPH_TOKEN")?)?;
    let risk = EntraRisk::new(token, Settings { endpoint, allowed_endpoints, ..Settings::default() })?;

    let filter = Some("riskState eq 'atRisk' and riskLevel eq 'high'".to_owned());
    let users = risk.list_risky_users(&ListOptions { filter, ..ListOptions::default() })?.all().await?;
    // Nobody can dismiss the risk of deleted users.
    let ids: Vec<String> = users.into_iter().filter(|user| !user.deleted).map(|user| user.id).collect();
    let report = risk.dismiss_risky_users(&ids, &Options::default()).await?;
    println!("{report}");
    let accepted: Vec<&str> = report.accepted().collect();
    println!("{}", risk.verify(Action::DismissRiskyUsers, &accepted, &VerifyOptions::default()).await?);
    Ok(())
}
