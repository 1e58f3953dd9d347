//! What the clones of a client and the workers of its tenants share.

use std::sync::Arc;

use crate::bindings::PluginPre;
use crate::host::Host;
use crate::instance::{Instance, Limits};
use crate::outbound::HttpClient;
use crate::tenants::Tenants;
use crate::token::AnyTokenSource;
use crate::worker::Task;
use crate::{Settings, SetupError, plugin};

/// What all clones of [`EntraRisk`](crate::EntraRisk), and the workers of the tenants, share.
pub(crate) struct Library {
    pub(crate) settings: Settings,
    plugin: PluginPre<Host>,
    http_client: Arc<HttpClient>,
    token_source: Arc<dyn AnyTokenSource>,
    pub(crate) tenants: Arc<Tenants<Instance, Task>>,
}

impl Library {
    pub(crate) fn new(token_source: Arc<dyn AnyTokenSource>, settings: Settings) -> Result<Library, SetupError> {
        if settings.max_instances == 0 {
            return Err(SetupError("max_instances: expected at least 1; got 0".to_owned()));
        }
        let http_client = Arc::new(HttpClient::new(&settings)?);
        let plugin = plugin::load(&settings)
            .map_err(|error| SetupError(format!("the plugin cannot be loaded: {}", error.root_cause())))?;
        let tenants = Arc::new(Tenants::new(usize::try_from(settings.max_instances).unwrap_or(usize::MAX)));
        Ok(Library { settings, plugin, http_client, token_source, tenants })
    }

    /// Makes a new instance of the plugin. The error is the reason in words.
    pub(crate) async fn instance(&self) -> Result<Instance, String> {
        let (http_client, token_source) = (Arc::clone(&self.http_client), Arc::clone(&self.token_source));
        Instance::new(&self.plugin, self.limits(), http_client, token_source).await
    }

    /// What each instance and each call may take up.
    pub(crate) fn limits(&self) -> Limits {
        Limits { max_memory_bytes: self.settings.max_memory_bytes, max_instructions: self.settings.max_instructions }
    }
}
