//! A page of `docs/`: a note, a table and a plot.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use comfy_table::{CellAlignment, Row, Table, presets};

/// A page. The plot is a file of its own, which the note shows.
pub(crate) struct Page {
    /// The name of both files, without `.md` and `.svg`.
    pub(crate) name: &'static str,
    /// The text before the table.
    pub(crate) note: &'static str,
    /// The table.
    pub(crate) table: Table,
}

impl Page {
    /// Prints the table, writes the page, and returns the file for the plot.
    pub(crate) fn write(mut self, folder: &Path) -> std::io::Result<PathBuf> {
        self.table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
        let Page { name, note, table } = self;
        println!("{table}\n");
        fs::create_dir_all(folder)?;
        fs::write(folder.join(name).with_extension("md"), format!("{note}\n{table}\n"))?;
        Ok(folder.join(name).with_extension("svg"))
    }
}

/// A Markdown table without rows.
pub(crate) fn empty_table<T: Into<Row>>(header: T) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(header);
    table
}

/// A time in seconds, minutes or hours.
pub(crate) fn time(time: Duration) -> String {
    match time.as_secs_f64() {
        seconds if seconds < 600.0 => format!("{seconds:.1} s"),
        seconds if seconds < 36_000.0 => format!("{:.1} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3_600.0),
    }
}
