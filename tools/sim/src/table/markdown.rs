//! The table as Markdown: times side by side for all settings, then counts.

use std::fmt::Write as _;

use super::figures::{Figures, Spread};
use super::{Table, TableRow};

/// Writes the table.
pub(super) fn write(table: &Table) -> String {
    let mut settings: Vec<&str> = table.rows.iter().map(|row| row.settings).collect();
    settings.dedup();
    let first = settings.first().copied();
    settings.truncate(1 + settings.iter().skip(1).take_while(|own| Some(**own) != first).count());
    let times = |settings: &&str| {
        vec![format!("{settings}: noticed after, ms"), format!("{settings}: data again, ms")]
    };
    let counts = |settings: &&str| {
        let counts = ["attempts", "lost", "doubled", "reordered", "false deaths"];
        counts.map(|count| format!("{settings}: {count}")).to_vec()
    };
    let seeds = table.seeds as usize;
    let mut out = String::new();
    block(&mut out, table, settings.len(), settings.iter().flat_map(times), |row| {
        vec![noticed(row, seeds), spread(row.again_ms)]
    });
    out.push('\n');
    block(&mut out, table, settings.len(), settings.iter().flat_map(counts), |row| {
        let counts = [row.lost, row.doubled, row.reordered, row.false_deaths];
        let counts = counts.map(|count| count.to_string());
        [vec![spread(row.attempts)], counts.to_vec()].concat()
    });
    out
}

/// One block: a line a fault, with the cells of all settings.
fn block(
    out: &mut String,
    table: &Table,
    settings: usize,
    heads: impl Iterator<Item = String>,
    cells: impl Fn(&Figures) -> Vec<String>,
) {
    let heads: Vec<String> = heads.collect();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "| fault | {} |", heads.join(" | "));
    let _ = writeln!(out, "| --- |{}", " ---: |".repeat(heads.len()));
    for rows in table.rows.chunks(settings.max(1)) {
        let fault = rows.first().map_or("", |row: &TableRow| row.fault);
        let cells: Vec<String> = rows.iter().flat_map(|row| cells(&row.figures)).collect();
        let _ = writeln!(out, "| {fault} | {} |", cells.join(" | "));
    }
}

fn noticed(row: &Figures, seeds: usize) -> String {
    let share = match row.noticed_runs {
        all if all == seeds => String::new(),
        0 => return "–".into(),
        some => format!(" ({some} of {seeds})"),
    };
    format!("{}{share}", spread(row.noticed_ms))
}

fn spread(spread: Option<Spread>) -> String {
    spread.map_or_else(
        || "–".into(),
        |Spread { median, p95, max }| format!("{median} / {p95} / {max}"),
    )
}
