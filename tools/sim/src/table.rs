//! The table of recovery: one link on one path, one fault a run, measured in virtual time.
//! In: how many seeds, and the settings to compare. Out: a row for each fault and setting.

mod figures;
mod markdown;
mod row;

use serde::Serialize;
use steadfast_link::{Config, Detection};

use self::figures::{Figures, Measured};
use self::row::ROWS;

/// Settings that the table compares, by name.
pub type Tuning = (&'static str, fn(&mut Config));

/// The settings that there are. Each has columns of its own.
pub const TUNINGS: &[Tuning] = &[
    ("adaptive", |config| config.detection = Detection::Adaptive),
    ("fixed", |config| config.detection = Detection::Fixed),
];

/// The whole table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    seeds: u32,
    rows: Vec<TableRow>,
}

/// One fault under one setting.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TableRow {
    fault: &'static str,
    settings: &'static str,
    #[serde(flatten)]
    figures: Figures,
}

/// Runs every fault with the seeds from 0 on, under each of `tunings`.
pub fn table(seeds: u32, tunings: &[Tuning]) -> Table {
    let mut rows = Vec::new();
    for row in ROWS {
        for &(settings, tune) in tunings {
            let runs: Vec<Measured> = (0..seeds).map(|seed| row.run(seed, tune)).collect();
            rows.push(TableRow { fault: row.name, settings, figures: Figures::of(row, &runs) });
        }
    }
    Table { seeds, rows }
}

impl Table {
    /// What is not as promised: events lost, doubled or out of order, a promise that broke, or a
    /// time beyond the bound of its fault.
    pub fn problems(&self) -> Vec<String> {
        let problems = |row: &TableRow| {
            let name = format!("{} ({})", row.fault, row.settings);
            row.figures.problems().into_iter().map(move |what| format!("{name}: {what}"))
        };
        self.rows.iter().flat_map(problems).collect()
    }

    /// The faults about which there are problems.
    pub fn broken(&self) -> Vec<&'static str> {
        let rows = self.rows.iter().filter(|row| !row.figures.problems().is_empty());
        rows.map(|row| row.fault).collect()
    }

    /// The table as Markdown.
    pub fn markdown(&self) -> String {
        markdown::write(self)
    }
}
