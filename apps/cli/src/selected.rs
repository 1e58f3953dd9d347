//! Ids that the command lists itself, to act on them in the same run.

use entra_risk_common::Action;
use entra_risk_engine::contract::action;
use entra_risk_engine::contract::collection::Collection;
use entra_risk_engine::contract::verification::Verification;

use crate::Failure;
use crate::ids::{Ids, Input, Listed, Place};
use crate::job::Job;
use crate::listing::left_out;
use crate::package::Package;
use crate::reading::read;
use crate::status::StatusLine;
use crate::stdio::{now, since_1970};

/// Names that are shown of a list.
const SHOWN: usize = 3;

/// The collection whose entries an action acts on. None: Microsoft Graph does not list them.
pub(crate) fn collection_of(action: &action::Action) -> Option<&'static Collection> {
    Verification::of(action).and_then(|verification| Collection::named(verification.collection))
}

/// Checks that what an action acts on can be listed.
pub(crate) fn check_is_listed(flag: &str, action: &Action) -> Result<(), String> {
    let listed = collection_of(action.definition);
    listed.map(drop).ok_or_else(|| format!("{flag}: the command cannot list what {} acts on", action.definition.name))
}

/// Lists what the options select. Deleted users are left out.
pub(crate) fn select(job: &Job, package: &Package, collection: &Collection) -> Result<Input, Failure> {
    let filter = job.selection.at_risk().filter(collection, since_1970());
    let mut ids = Ids::new(job.action.definition);
    let (mut names, mut deleted, start) = (Vec::new(), 0_usize, now());
    let options = package.route(&job.connection);
    read(collection, filter.as_deref(), &options, &StatusLine::new(job.quiet), |entries| {
        for entry in entries {
            if entry.deleted {
                deleted = deleted.saturating_add(1);
                continue;
            }
            let label = job.label.as_ref().map(|_| entry.name.as_str());
            ids.add(&entry.id, label, Place { source: collection.name, line: None });
            if names.len() < SHOWN && !entry.name.is_empty() {
                names.push(entry.name);
            }
        }
        Ok(())
    })
    .map_err(|unread| unread.failure(collection))?;
    if let Some(note) = left_out(deleted) {
        ids.note(note);
    }
    let input = ids.finish(&[]).map_err(Failure::Usage)?;
    let end = now();
    Ok(Input { listed: Some(Listed { end, time: end.saturating_sub(start), names }), ..input })
}
