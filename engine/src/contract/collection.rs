//! The collections that can be read, as data.

use crate::contract::action::ServiceLimit;

/// A collection of Microsoft Graph, and how its entries are read.
#[derive(Debug)]
pub struct Collection {
    /// The name of the collection in the contract, such as `risky-users`.
    pub name: &'static str,
    /// Path of the requests, after the version.
    pub path: &'static str,
    /// The fields that are read, as the value of `$select`.
    pub select: &'static str,
    /// The filter unless the caller gives one.
    pub filter: Option<&'static str>,
    /// The most entries in a page.
    pub max_page_size: u32,
    /// The limit that its requests count against.
    pub limit: ServiceLimit,
    /// The permissions that an app needs, also on behalf of a person.
    pub permissions: &'static [&'static str],
}

/// Every collection, in the order of the contract.
pub static COLLECTIONS: [Collection; 3] = [
    Collection {
        name: "risky-users",
        path: "/identityProtection/riskyUsers",
        select: "id,userPrincipalName,userDisplayName,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime,\
                 isDeleted,isProcessing",
        filter: None,
        max_page_size: 500,
        limit: ServiceLimit::RiskyUsers,
        permissions: &["IdentityRiskyUser.Read.All"],
    },
    Collection {
        name: "sign-ins",
        path: "/auditLogs/signIns",
        select: "id,userPrincipalName,userDisplayName,riskLevelAggregated,riskState,riskDetail,createdDateTime",
        filter: Some("riskLevelAggregated ne 'none'"),
        max_page_size: 1_000,
        limit: ServiceLimit::SignIns,
        // Microsoft calls the second one a known issue.
        permissions: &["AuditLog.Read.All", "Directory.Read.All"],
    },
    Collection {
        name: "risky-service-principals",
        path: "/identityProtection/riskyServicePrincipals",
        select: "id,displayName,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime,isProcessing",
        filter: None,
        max_page_size: 500,
        limit: ServiceLimit::RiskyUsers,
        permissions: &["IdentityRiskyServicePrincipal.Read.All"],
    },
];

impl Collection {
    /// The collection with this name, such as `risky-users`.
    pub fn named(name: &str) -> Option<&'static Collection> {
        COLLECTIONS.iter().find(|collection| collection.name == name)
    }
}

/// The most attempts for the same page unless the caller chooses: with the waits between them, an
/// outage of a minute is survived.
pub const DEFAULT_PAGE_ATTEMPTS: u32 = 10;
