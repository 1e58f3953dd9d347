//! How Microsoft Graph is reached, and whose token is sent: the options that all commands share.

use entra_risk_common::actions::{Cloud, Options};
use entra_risk_common::parse_cloud;
use entra_risk_engine::contract::action;
use entra_risk_engine::contract::id::Id;

use crate::line::Line;
use crate::values::{audience, endpoint, milliseconds, number, rate_limit, tenant};

/// The options that all commands share.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    /// The options of a call of the plugin.
    pub(crate) options: Options,
    /// How a person signs in; none for another credential.
    pub(crate) sign_in: Option<SignIn>,
    /// The app that a person signs in to.
    client_id: Option<ClientId>,
}

/// How a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignIn {
    Browser,
    DeviceCode,
}

#[derive(Debug)]
enum ClientId {
    Given(String),
    /// The public client of `Connect-MgGraph`.
    GraphCommandLineTools,
}

/// The name by which `--client-id` permits the public client of `Connect-MgGraph`.
const GRAPH_COMMAND_LINE_TOOLS: &str = "graph-command-line-tools";

/// The id of this client in every tenant.
///
/// Source: <https://learn.microsoft.com/powershell/microsoftgraph/authentication-commands>.
const GRAPH_COMMAND_LINE_TOOLS_ID: &str = "14d82eec-204b-4c2f-b7e8-296a70dab67e";

impl Connection {
    /// Reads the value of an option. False if it is none of these options.
    pub(crate) fn set(&mut self, name: &str, line: &mut Line) -> Result<bool, String> {
        let options = &mut self.options;
        match name {
            "tenant" => options.tenant = Some(tenant(&line.text()?)?),
            "cloud" => {
                let name = line.text()?;
                let cloud = parse_cloud(&name).map_err(|names| format!("--cloud: expected {names}; got '{name}'"))?;
                options.cloud = Some(cloud);
            }
            "endpoint" => options.endpoint = Some(endpoint("--endpoint", &line.text()?)?),
            "audience" => options.audience = Some(audience(&line.text()?)?),
            "sign-in" => self.sign_in = Some(SignIn::parse(&line.text()?)?),
            "client-id" => self.client_id = Some(ClientId::parse(&line.text()?)?),
            "max-attempts" => options.max_attempts = Some(number("--max-attempts", &line.text()?, 1..=10)?),
            "attempt-timeout" => {
                let timeout = line.text()?;
                let milliseconds = milliseconds("--attempt-timeout", &timeout)?;
                if milliseconds > 600_000 {
                    return Err(format!("--attempt-timeout: expected at most 10m; got '{timeout}'"));
                }
                options.attempt_timeout_ms = Some(milliseconds);
            }
            "deadline" => options.deadline_ms = Some(milliseconds("--deadline", &line.text()?)?),
            "patience" => options.patience_ms = Some(milliseconds("--patience", &line.text()?)?),
            "rate-limit" => options.rate_limit = Some(rate_limit(&line.text()?)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks that no option is without effect.
    pub(crate) fn check(&self) -> Result<(), String> {
        match (&self.client_id, self.sign_in) {
            (Some(_), None) => Err("--client-id: is the app that a person signs in to; add --sign-in".to_owned()),
            _ => Ok(()),
        }
    }

    /// The cloud.
    pub(crate) fn cloud(&self) -> action::Cloud {
        self.options.cloud.unwrap_or(Cloud::Global).into()
    }

    /// The audience of the tokens.
    pub(crate) fn audience(&self) -> &str {
        self.options.audience.as_deref().unwrap_or(self.cloud().graph_root())
    }

    /// The id of the app that a person signs in to, if the command line names one.
    pub(crate) fn client_id(&self) -> Option<&str> {
        match self.client_id.as_ref()? {
            ClientId::Given(id) => Some(id),
            ClientId::GraphCommandLineTools => Some(GRAPH_COMMAND_LINE_TOOLS_ID),
        }
    }

    /// What the user should know about the app that a person signs in to.
    pub(crate) fn note(&self) -> Option<&'static str> {
        matches!(self.client_id, Some(ClientId::GraphCommandLineTools)).then_some(
            "--client-id graph-command-line-tools: the token may hold every permission that anyone in the tenant ever \
             consented to for this client, and consent given now stays",
        )
    }
}

impl SignIn {
    /// The name of this way to sign in.
    pub(crate) fn name(self) -> &'static str {
        match self {
            SignIn::Browser => "browser",
            SignIn::DeviceCode => "device-code",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let way = [SignIn::Browser, SignIn::DeviceCode].into_iter().find(|way| way.name() == text);
        way.ok_or_else(|| format!("--sign-in: expected browser or device-code; got '{text}'"))
    }
}

impl ClientId {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            GRAPH_COMMAND_LINE_TOOLS => Ok(ClientId::GraphCommandLineTools),
            _ if Id::parse(text).is_some() => Ok(ClientId::Given(text.to_owned())),
            _ => Err(format!("--client-id: expected the GUID of an app, or {GRAPH_COMMAND_LINE_TOOLS}; got '{text}'")),
        }
    }
}
