//! The lists, as methods of the client.

use std::sync::Arc;

use entra_risk_engine::contract::collection::Collection;
use tokio::runtime::Handle;

use crate::listing::Message;
use crate::reading::Reading;
use crate::{EntraRisk, Error, ErrorKind, InvalidArgument, ListOptions, Listing};

impl EntraRisk {
    /// Lists users with a risk. Reading changes nothing, and needs `IdentityRiskyUser.Read.All`.
    ///
    /// A request counts against the limit of the actions, one a second: after one of an action, the
    /// first one waits for a window, and likewise the other way round. An entry that changes while
    /// the list is read may be in it twice, or not at all.
    ///
    /// # Errors
    /// If an option is not as documented.
    pub fn list_risky_users(&self, options: &ListOptions) -> Result<Listing, InvalidArgument> {
        self.list_named("risky-users", options)
    }

    /// Lists sign-ins. Reading changes nothing, and needs `AuditLog.Read.All` and
    /// `Directory.Read.All`.
    ///
    /// Requests share the limit with the actions on sign-ins, as those for users with theirs.
    ///
    /// # Errors
    /// If an option is not as documented.
    pub fn list_sign_ins(&self, options: &ListOptions) -> Result<Listing, InvalidArgument> {
        self.list_named("sign-ins", options)
    }

    /// Lists service principals with a risk. Reading changes nothing, and needs
    /// `IdentityRiskyServicePrincipal.Read.All`.
    ///
    /// No limit is documented: requests keep to that of users, and share it with them.
    ///
    /// # Errors
    /// If an option is not as documented.
    pub fn list_risky_service_principals(&self, options: &ListOptions) -> Result<Listing, InvalidArgument> {
        self.list_named("risky-service-principals", options)
    }

    fn list_named(&self, name: &str, options: &ListOptions) -> Result<Listing, InvalidArgument> {
        let unknown = || InvalidArgument::new(&format!("collection: {name}: must be one of the contract"));
        self.list(Collection::named(name).ok_or_else(unknown)?, options)
    }

    /// Starts to read a list.
    pub(crate) fn list(
        &self,
        collection: &'static Collection,
        options: &ListOptions,
    ) -> Result<Listing, InvalidArgument> {
        options.check(collection, &self.0.settings)?;
        let (listing, pages, state) = Listing::new();
        match Handle::try_current() {
            Ok(runtime) => {
                let library = Arc::clone(&self.0);
                let reading = Reading { library, collection, options: options.clone(), pages, state };
                runtime.spawn(reading.read());
            }
            Err(_) => {
                let error = Error::new(ErrorKind::PluginStopped, "a list needs a tokio runtime");
                // The channel has room for one message.
                drop(pages.try_send(Message::Over(Some(error.into()))));
            }
        }
        Ok(listing)
    }
}
