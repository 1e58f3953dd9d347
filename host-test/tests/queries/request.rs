//! The requests that a query sends, and the entries that it returns.

use host_test::plugin::CANARY;
use host_test::reader::Reader;
use host_test::reader::queries::{ApiVersion, Collection, Entry, Options};
use uuid::Uuid;

use super::{found, page};

const USERS: &str = "id,userPrincipalName,userDisplayName,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime,\
                     isDeleted,isProcessing";
const SIGN_INS: &str = "id,userPrincipalName,userDisplayName,riskLevelAggregated,riskState,riskDetail,createdDateTime";
const PRINCIPALS: &str = "id,displayName,riskLevel,riskState,riskDetail,riskLastUpdatedDateTime,isProcessing";

#[tokio::test(start_paused = true)]
async fn each_collection_has_its_request() {
    let default = Options::default();
    let beta = Options { api_version: Some(ApiVersion::Beta), page_size: Some(7), ..Options::default() };
    for (collection, filter, options, expected) in [
        (
            Collection::RiskyUsers,
            None,
            default.clone(),
            format!("/v1.0/identityProtection/riskyUsers?$select={USERS}&$top=500"),
        ),
        (
            Collection::RiskyUsers,
            Some("riskState eq 'atRisk' and riskLevel ne 'low'"),
            default.clone(),
            format!(
                "/v1.0/identityProtection/riskyUsers?$select={USERS}&$top=500&$filter=riskState%20eq%20%27atRisk%27\
                 %20and%20riskLevel%20ne%20%27low%27"
            ),
        ),
        (
            Collection::SignIns,
            None,
            default.clone(),
            format!(
                "/v1.0/auditLogs/signIns?$select={SIGN_INS}&$top=1000&$filter=riskLevelAggregated%20ne%20%27none%27"
            ),
        ),
        (
            Collection::SignIns,
            Some("é&#"),
            beta,
            format!("/beta/auditLogs/signIns?$select={SIGN_INS}&$top=7&$filter=%C3%A9%26%23"),
        ),
        (
            Collection::RiskyServicePrincipals,
            None,
            default,
            format!("/v1.0/identityProtection/riskyServicePrincipals?$select={PRINCIPALS}&$top=500"),
        ),
    ] {
        let mut reader = Reader::scripted([page(&["a"], None)]).await;
        let listing = reader.read_with(collection, filter, options, None).await;
        assert_eq!((listing.end.clone(), listing.entries().len()), (None, 1));
        let request = &listing.exchanges[0].request;
        assert_eq!(request.uri(), &*format!("https://graph.microsoft.com{expected}"));
        let mut headers: Vec<&str> = request.headers().keys().map(|name| name.as_str()).collect();
        headers.sort_unstable();
        assert_eq!(headers, ["accept", "authorization", "client-request-id", "user-agent"]);
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("accept"), "application/json");
        assert!(header("authorization") == format!("Bearer {CANARY}"), "another token");
        assert!(header("user-agent").starts_with("entra-risk/"));
        assert!(Uuid::parse_str(header("client-request-id")).is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn entries_have_the_words_of_microsoft_graph() {
    let body = r#"{"value":[
        {"id":"1","userPrincipalName":"ann@contoso.com","userDisplayName":"Ann","riskLevel":"high","riskState":"atRisk",
         "riskDetail":"none","riskLastUpdatedDateTime":"2026-11-21T09:00:00Z","isDeleted":true,"isProcessing":true},
        {"id":"2","userPrincipalName":null,"userDisplayName":"Bob","riskLevel":"unknownFutureValue","isDeleted":null},
        {"id":"3","riskLevel":7,"riskState":["atRisk"],"history":{"a":[{}]}}
    ]}"#;
    let mut reader = Reader::scripted([found(body)]).await;
    let listing = reader.read(Options::default()).await;
    let empty = || Entry {
        id: String::new(),
        name: String::new(),
        risk_level: String::new(),
        risk_state: String::new(),
        risk_detail: String::new(),
        last_updated: String::new(),
        deleted: false,
        processing: false,
    };
    let expected = [
        Entry {
            id: "1".into(),
            name: "ann@contoso.com".into(),
            risk_level: "high".into(),
            risk_state: "atRisk".into(),
            risk_detail: "none".into(),
            last_updated: "2026-11-21T09:00:00Z".into(),
            deleted: true,
            processing: true,
        },
        Entry { id: "2".into(), name: "Bob".into(), risk_level: "unknownFutureValue".into(), ..empty() },
        Entry { id: "3".into(), ..empty() },
    ];
    assert_eq!(listing.pages(), [&expected]);
}

#[tokio::test(start_paused = true)]
async fn invalid_arguments_are_named() {
    let long = "x".repeat(8_193);
    let options = Options::default;
    for (filter, options, text) in [
        (Some(""), options(), "filter: \"\": must be 1 to 8192 bytes of printable text"),
        (Some("a\nb"), options(), "filter: \"a b\": must be"),
        (Some(&*long), options(), "filter: \"xxx"),
        (None, Options { page_size: Some(0), ..options() }, "options.page-size: 0: must be from 1 to 500"),
        (None, Options { page_size: Some(501), ..options() }, "options.page-size: 501: must be from 1 to 500"),
        (None, Options { max_attempts: Some(11), ..options() }, "options.max-attempts: 11: must be from 1 to 10"),
        (None, Options { deadline_ms: Some(0), ..options() }, "options.deadline-ms: 0: must be at least 1"),
        (
            None,
            Options { endpoint: Some("http://a.test".into()), ..options() },
            "options.endpoint: \"http://a.test\": ",
        ),
        (
            None,
            Options { audience: Some("x".into()), ..options() },
            "options.audience: \"x\": must begin with https://",
        ),
        (None, Options { tenant: Some(String::new()), ..options() }, "options.tenant: \"\": must be 1 to 256"),
    ] {
        let mut reader = Reader::scripted([]).await;
        let error = reader.start(Collection::RiskyUsers, filter, options).await.unwrap_err();
        assert!(error.starts_with(text), "{error}");
    }
    let mut reader = Reader::scripted([]).await;
    let options = Options { page_size: Some(1_001), ..options() };
    let error = reader.start(Collection::SignIns, None, options).await.unwrap_err();
    assert_eq!(error, "options.page-size: 1001: must be from 1 to 1000");
}
