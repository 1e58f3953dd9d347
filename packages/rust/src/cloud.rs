//! The national clouds.

use entra_risk_engine::contract::action::Cloud as GraphCloud;

/// A national cloud. It determines the address of the requests and the audience of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cloud {
    /// `https://graph.microsoft.com`; also US Government Community Cloud (GCC).
    #[default]
    Global,
    /// `https://graph.microsoft.us`: US Government L4 (GCC High).
    UsGovL4,
    /// `https://dod-graph.microsoft.us`: US Government L5 (DoD).
    UsGovL5,
    /// `https://microsoftgraph.chinacloudapi.cn`: China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// The root of the cloud's Microsoft Graph.
    pub(crate) fn graph_root(self) -> &'static str {
        GraphCloud::from(self).graph_root()
    }
}
