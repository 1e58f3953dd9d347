//! What has become of the ids that an action was accepted for.

use std::fmt;
use std::time::Duration;

use entra_risk_engine::contract::collection::Collection;
use entra_risk_engine::contract::verification::{DEFAULT_VERIFY_MS, Status, Verification as Table, Verifier};
use entra_risk_engine::time;
use tokio::time::{Instant, sleep_until};

use crate::{Action, EntraRisk, ErrorKind, InvalidArgument, ListError, VerifyOptions};

/// What has become of the ids that an action was accepted for: each is in one list.
#[derive(Debug, Clone, Default)]
pub struct Verification {
    /// The ids in the state that the action leads to. Of a dismissal, those no longer at risk.
    pub done: Vec<String>,
    /// The ids that Microsoft Graph was still processing. Of a dismissal, also those that only the
    /// latest list lacked.
    pub processing: Vec<String>,
    /// The ids whose state has not changed.
    pub unchanged: Vec<String>,
    /// Why the verification ended early: the states are those of the latest list that was read to
    /// its end, and ids of which nothing is known are in `unchanged`.
    pub cause: Option<ListError>,
}

impl EntraRisk {
    /// Reads lists until each of these ids, for which an action was accepted, is in the state that
    /// the action leads to, or until the time is over. An acceptance means only that Microsoft
    /// Graph took the request: the state changes within minutes, and sometimes never.
    ///
    /// It needs the permission to read that lists need, and takes as many requests as the list of
    /// what is at risk has pages, at most 20 times.
    ///
    /// # Errors
    /// If an argument is not as documented, or the action is on agents, which cannot be listed.
    pub async fn verify(
        &self,
        action: Action,
        ids: &[impl AsRef<str> + Sync],
        options: &VerifyOptions,
    ) -> Result<Verification, InvalidArgument> {
        let ids: Vec<String> = ids.iter().map(|id| id.as_ref().to_owned()).collect();
        let ids = InvalidArgument::check_ids(&ids)?;
        let table =
            Table::of(action.definition()).and_then(|table| Some((Collection::named(table.collection)?, table)));
        let (collection, table) =
            table.ok_or_else(|| InvalidArgument::new(&format!("action: {action}: agents cannot be listed")))?;
        let mut list = options.list.clone();
        list.filter = Some(table.filter.to_owned());
        let within = options.time.unwrap_or(Duration::from_millis(DEFAULT_VERIFY_MS.into()));
        let awaited = time::Duration::from_nanos(u64::try_from(within.as_nanos()).unwrap_or(u64::MAX));
        let start = Instant::now();
        let now = || time::Instant::from_nanos(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        let mut verifier = Verifier::new(table, &ids, awaited, now());
        let (mut cause, mut is_read) = (None, false);
        while let Some(at) = verifier.next() {
            sleep_until(start.checked_add(Duration::from_nanos(at.as_nanos())).unwrap_or(start)).await;
            let left = within.saturating_sub(start.elapsed()).saturating_add(LATE);
            list.deadline = Some(options.list.deadline.map_or(left, |own| own.min(left)));
            let mut listing = self.list(collection, &list)?;
            verifier.begin(now());
            while let Some(entry) = listing.next().await {
                match entry {
                    Ok(entry) => verifier.saw(&entry.id, entry.processing),
                    Err(error) => cause = Some(error),
                }
            }
            if let Some(error) = &cause {
                let is_late = matches!(error, ListError::Failed(error) if error.kind == ErrorKind::DeadlineExceeded);
                // The time is over, which is no error if there is an earlier list.
                if is_read && is_late && start.elapsed() > within {
                    cause = None;
                }
                break;
            }
            verifier.end(now());
            is_read = true;
        }
        let mut verification = Verification { cause, ..Verification::default() };
        for id in ids {
            let ids = match verifier.status(&id) {
                Status::Done => &mut verification.done,
                Status::Processing => &mut verification.processing,
                Status::Unchanged => &mut verification.unchanged,
            };
            ids.push(id.as_str().to_owned());
        }
        Ok(verification)
    }
}

/// The time that the last list may take longer than there is left.
const LATE: Duration = Duration::from_secs(10);

/// The verification on one line, such as `57 of 60 ids done, 2 still processing, 1 unchanged`.
impl fmt::Display for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (done, processing, unchanged) = (self.done.len(), self.processing.len(), self.unchanged.len());
        let total: usize = [done, processing, unchanged].into_iter().sum();
        write!(f, "{done} of {total} ids done, {processing} still processing, {unchanged} unchanged")?;
        self.cause.as_ref().map_or(Ok(()), |cause| write!(f, "; cause: {cause}"))
    }
}
