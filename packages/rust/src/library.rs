//! What the clones of a client and the workers of its tenants share.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use wasmtime::Store;

use crate::bindings::{PluginPre, Reader};
use crate::host::Host;
use crate::host::Limits;
use crate::instance::{Instance, store};
use crate::outbound::HttpClient;
use crate::sends::Sends;
use crate::task::Task;
use crate::tenants::{Tenant, Tenants};
use crate::token::AnyTokenSource;
use crate::{Settings, SetupError, components};

/// What all clones of [`EntraRisk`](crate::EntraRisk), and the workers of the tenants, share.
pub(crate) struct Library {
    pub(crate) settings: Settings,
    plugin: PluginPre<Host>,
    http_client: Arc<HttpClient>,
    token_source: Arc<dyn AnyTokenSource>,
    pub(crate) tenants: Arc<Tenants<Instance, Task>>,
    /// A permit for each list that is being read.
    pub(crate) readers: Semaphore,
    sends: Sends,
}

impl Library {
    pub(crate) fn new(token_source: Arc<dyn AnyTokenSource>, settings: Settings) -> Result<Library, SetupError> {
        if settings.max_instances == 0 {
            return Err(SetupError("max_instances: expected at least 1; got 0".to_owned()));
        }
        let http_client = Arc::new(HttpClient::new(&settings)?);
        let plugin = components::plugin(&settings)
            .map_err(|error| SetupError(format!("the plugin cannot be loaded: {}", error.root_cause())))?;
        let max_instances = usize::try_from(settings.max_instances).unwrap_or(usize::MAX);
        let tenants = Arc::new(Tenants::new(max_instances));
        let readers = Semaphore::new(max_instances.min(Semaphore::MAX_PERMITS));
        Ok(Library { settings, plugin, http_client, token_source, tenants, readers, sends: Sends::default() })
    }

    /// Makes a new instance of the plugin for a tenant. The error is the reason in words.
    pub(crate) async fn instance(&self, tenant: &Tenant) -> Result<Instance, String> {
        Instance::new(&self.plugin, self.limits(), self.host(tenant)).await
    }

    /// Makes an instance of the reader for one list of a tenant. The error is the reason in words.
    pub(crate) async fn reader(&self, tenant: &Tenant) -> Result<(Reader, Store<Host>), String> {
        // Compiling it blocks for a moment.
        let compiled = spawn_blocking(components::reader).await.map_err(|error| error.to_string())?;
        let reader = compiled.map_err(|error| error.root_cause().to_string())?;
        let mut store = store(reader.engine(), self.limits(), self.host(tenant))?;
        match reader.instantiate_async(&mut store).await {
            Ok(reader) => Ok((reader, store)),
            Err(error) => Err(store.data().reason(&error)),
        }
    }

    fn host(&self, tenant: &Tenant) -> Host {
        let (http_client, token_source) = (Arc::clone(&self.http_client), Arc::clone(&self.token_source));
        Host::new(self.limits(), http_client, self.sends.sender(tenant), token_source)
    }

    /// What each instance and each call may take up.
    pub(crate) fn limits(&self) -> Limits {
        Limits { max_memory_bytes: self.settings.max_memory_bytes, max_instructions: self.settings.max_instructions }
    }
}
