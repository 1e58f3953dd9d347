//! The commands that list what is at risk: a table or JSON that the actions read as it is.

use std::collections::HashSet;

use entra_risk_common::json::to_json;
use entra_risk_common::printable;
use entra_risk_engine::contract::collection::Collection;

use crate::Failure;
use crate::bindings::entra::risk::queries::Entry;
use crate::command::Listing;
use crate::package::Package;
use crate::reading::read;
use crate::selection::Fields;
use crate::status::StatusLine;
use crate::stdio::{eprint, print, since_1970};

/// Prints a list page by page.
pub(crate) fn list(listing: &Listing, package: &Package) -> Result<(), Failure> {
    let collection = listing.collection;
    let table = Table { fields: Fields::of(collection), has_processing: has_processing(collection) };
    let filter = listing.selection.filter(collection, since_1970());
    let line = StatusLine::new(listing.quiet);
    let (mut seen, mut deleted) = (HashSet::new(), 0_usize);
    let mut begin = if listing.json { "[".to_owned() } else { table.header() };
    read(collection, filter.as_deref(), &package.route(&listing.connection), &line, |entries| {
        line.clear();
        let mut text = std::mem::take(&mut begin);
        for entry in entries {
            if entry.deleted {
                deleted = deleted.saturating_add(1);
            } else if !seen.contains(&entry.id) {
                let comma = if seen.is_empty() { "\n" } else { ",\n" };
                text += &if listing.json { comma.to_owned() + &table.json(&entry) } else { table.row(&entry) };
                seen.insert(entry.id);
            }
        }
        print(&text)
    })
    .map_err(|unread| unread.failure(collection))?;
    let end = if listing.json { "\n]\n" } else { "" };
    print(&(begin + end)).map_err(Failure::Output)?;
    if let Some(note) = left_out(deleted).filter(|_| !listing.quiet) {
        eprint(&format!("entra-risk: {note}\n"));
    }
    Ok(())
}

/// What the user should know about deleted users in a list.
pub(crate) fn left_out(deleted: usize) -> Option<String> {
    (deleted > 0).then(|| format!("{deleted} deleted users are left out: nobody can change their risk"))
}

/// Whether Microsoft Graph says of an entry that it is still being processed.
fn has_processing(collection: &Collection) -> bool {
    collection.name != "sign-ins"
}

/// The columns of a list.
struct Table {
    fields: Fields,
    has_processing: bool,
}

impl Table {
    fn header(&self) -> String {
        let Fields { id, name, level, time } = self.fields;
        let processing = if self.has_processing { ",isProcessing" } else { "" };
        format!("{id},{name},{level},riskState,riskDetail,{time}{processing}\n")
    }

    fn row(&self, entry: &Entry) -> String {
        let Entry { id, name, risk_level, risk_state, risk_detail, last_updated, processing, .. } = entry;
        let values = [id, name, risk_level, risk_state, risk_detail, last_updated].map(|value| field(value)).join(",");
        if self.has_processing { format!("{values},{processing}\n") } else { values + "\n" }
    }

    fn json(&self, entry: &Entry) -> String {
        let Fields { id, name, level, time } = self.fields;
        let members = [
            (id, &entry.id),
            (name, &entry.name),
            (level, &entry.risk_level),
            ("riskState", &entry.risk_state),
            ("riskDetail", &entry.risk_detail),
            (time, &entry.last_updated),
        ];
        let members = members.map(|(name, value)| format!("\"{name}\":{}", to_json(value))).join(",");
        let processing = format!(",\"isProcessing\":{}", entry.processing);
        format!("{{{members}{}}}", if self.has_processing { processing.as_str() } else { "" })
    }
}

/// A value in a table. A spreadsheet would execute one that begins as a formula does, and anybody
/// may choose the name of an app.
fn field(value: &str) -> String {
    let mut value = printable(value);
    if value.starts_with(['=', '+', '-', '@']) {
        value.insert(0, '\'');
    }
    if value.contains([',', '"']) { format!("\"{}\"", value.replace('"', "\"\"")) } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_field_and_no_formula() {
        let cases = [
            ("ann@contoso.com", "ann@contoso.com"),
            ("Doe, \"Jo\"\n", "\"Doe, \"\"Jo\"\" \""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ];
        for (value, expected) in cases {
            assert_eq!(field(value), expected);
        }
    }
}
