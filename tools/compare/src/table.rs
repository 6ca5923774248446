//! What all rounds found: medians, and ratios to the floor measured in the same run. In: figures by
//! server. Out: Markdown, and JSON with every single value.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::figures::{Against, Figure};
use crate::peers::Peer;
use crate::rows::{Found, Sizes};

/// What was found of one server.
#[derive(Debug, Default)]
struct Column {
    figures: BTreeMap<Figure, Vec<f64>>,
    notes: Vec<String>,
}

/// All of it.
#[derive(Debug)]
pub(crate) struct Table {
    sizes: Sizes,
    columns: Vec<(Peer, Column)>,
    not_run: Vec<(Peer, String)>,
}

impl Table {
    /// An empty table.
    pub(crate) fn new(sizes: Sizes) -> Self {
        Self { sizes, columns: Vec::new(), not_run: Vec::new() }
    }

    /// Takes what a measurement of a round found.
    pub(crate) fn add(&mut self, peer: Peer, row: &str, found: Found) {
        let column = self.column(peer);
        for (figure, value) in found.figures {
            column.figures.entry(figure).or_default().push(value);
        }
        column.notes.extend(found.faults.into_iter().map(|fault| format!("{row}: {fault}")));
    }

    /// Takes a measurement that could not be made.
    pub(crate) fn fail(&mut self, peer: Peer, row: &str, why: &str) {
        self.column(peer).notes.push(format!("{row}: not measured: {why}"));
    }

    /// Takes a server that could not be installed.
    pub(crate) fn leave_out(&mut self, peer: Peer, why: String) {
        self.not_run.push((peer, why));
    }

    fn column(&mut self, peer: Peer) -> &mut Column {
        let place = self.columns.iter().position(|(other, _)| *other == peer);
        let place = place.unwrap_or_else(|| {
            self.columns.push((peer, Column::default()));
            self.columns.len() - 1
        });
        &mut self.columns[place].1
    }

    fn median(&self, peer: Peer, figure: Figure) -> Option<f64> {
        let (_, column) = self.columns.iter().find(|(other, _)| *other == peer)?;
        median(column.figures.get(&figure)?)
    }

    fn ratio(&self, peer: Peer, figure: Figure) -> Option<f64> {
        let floor = match figure.against() {
            Against::Write => Peer::FloorWrite,
            Against::Coalesce => Peer::FloorCoalesce,
            Against::Nothing => return None,
        };
        let floor = self.median(floor, figure).filter(|value| *value > 0.0)?;
        Some(self.median(peer, figure)? / floor)
    }

    /// Both tables and the notes.
    pub(crate) fn markdown(&self) -> String {
        let mut out = String::from("Medians\n\n");
        self.grid(&mut out, |peer, figure| self.median(peer, figure).map(number));
        out.push_str("\nRatios to the floor of the same run (W=4 and W=8: to floor coalesce)\n\n");
        self.grid(&mut out, |peer, figure| {
            self.ratio(peer, figure).map(|ratio| format!("{ratio:.2}"))
        });
        let notes = self.columns.iter().flat_map(|(peer, column)| {
            column.notes.iter().map(|note| format!("{}: {note}", peer.name()))
        });
        let left_out = self.not_run.iter();
        let left_out = left_out.map(|(peer, why)| format!("{}: not run: {why}", peer.name()));
        let all: Vec<String> = left_out.chain(notes).collect();
        if all.is_empty() {
            out.push_str("\nEvery link came to life, and every event came once and in order.\n");
        }
        for note in all {
            // Writing to memory cannot fail.
            let _ = writeln!(out, "\n- {note}");
        }
        out
    }

    fn grid(&self, out: &mut String, cell: impl Fn(Peer, Figure) -> Option<String>) {
        let names = self.columns.iter().map(|(peer, _)| peer.name());
        let _ = writeln!(out, "| | {} |", names.collect::<Vec<_>>().join(" | "));
        let _ = writeln!(out, "| --- |{}", " ---: |".repeat(self.columns.len()));
        for figure in Figure::ALL {
            let row = self.columns.iter().map(|(peer, _)| cell(*peer, figure));
            let row: Vec<Option<String>> = row.collect();
            if row.iter().all(Option::is_none) {
                continue;
            }
            let title = figure.title(self.sizes.many, self.sizes.channels);
            let row = row.into_iter().map(|cell| cell.unwrap_or_else(|| "–".into()));
            let _ = writeln!(out, "| {title} | {} |", row.collect::<Vec<_>>().join(" | "));
        }
    }

    /// Every single value.
    pub(crate) fn json(&self) -> Value {
        let column = |(peer, column): &(Peer, Column)| {
            let figures = column.figures.iter().map(|(figure, values)| {
                let title = figure.title(self.sizes.many, self.sizes.channels);
                (title, json!({"median": median(values), "values": values}))
            });
            let figures: serde_json::Map<String, Value> = figures.collect();
            json!({"server": peer.name(), "figures": figures, "notes": column.notes})
        };
        let not_run = self.not_run.iter();
        let not_run = not_run.map(|(peer, why)| json!({"server": peer.name(), "why": why}));
        json!({
            "servers": self.columns.iter().map(column).collect::<Vec<_>>(),
            "not_run": not_run.collect::<Vec<_>>(),
        })
    }
}

/// The middle value; of an even number the mean of the middle two.
fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(sorted.get(middle - 1)?.midpoint(upper))
}

/// Three digits, and thousands as k.
fn number(value: f64) -> String {
    match value {
        value if value >= 100_000.0 => format!("{:.0}k", value / 1000.0),
        value if value >= 1000.0 => format!("{:.1}k", value / 1000.0),
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Table, median, number};
    use crate::figures::Figure;
    use crate::peers::Peer;
    use crate::rows::{Found, Sizes};

    const SIZES: Sizes = Sizes { many: 10_000, channels: 500, lasts: Duration::from_secs(1) };

    fn found(figure: Figure, value: f64) -> Found {
        Found { figures: vec![(figure, value)], faults: Vec::new() }
    }

    #[test]
    fn a_median_is_the_middle_value() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.061, 4.04, 12.44, 123.4, 5_321.0, 651_234.0].map(number);
        assert_eq!(shown, ["0.06", "4.04", "12.4", "123", "5.3k", "651k"]);
    }

    #[test]
    fn ratios_are_to_the_floor_that_fits() {
        let mut table = Table::new(SIZES);
        for (peer, one, eight) in [
            (Peer::Steadfast, 150.0, 900.0),
            (Peer::FloorWrite, 200.0, 100.0),
            (Peer::FloorCoalesce, 100.0, 600.0),
        ] {
            table.add(peer, "1k", found(Figure::ThousandOne, one));
            table.add(peer, "1k", found(Figure::ThousandEight, eight));
        }
        let ratio = |figure| table.ratio(Peer::Steadfast, figure).unwrap();
        assert!((ratio(Figure::ThousandOne) - 0.75).abs() < 1e-9);
        assert!((ratio(Figure::ThousandEight) - 1.5).abs() < 1e-9);
        assert_eq!(table.ratio(Peer::Steadfast, Figure::IdleBytes), None);
        assert!(table.markdown().contains("once and in order"), "{}", table.markdown());
    }

    #[test]
    fn what_was_not_measured_or_not_whole_is_said() {
        let mut table = Table::new(SIZES);
        let mut lossy = found(Figure::Connects, 1.0);
        lossy.faults.push("3 lost".into());
        table.add(Peer::Python, "idle", lossy);
        table.fail(Peer::Python, "storm", "it ends");
        table.leave_out(Peer::Bun, "npm fails".into());
        let text = table.markdown();
        for part in [
            "- Bun: not run: npm fails",
            "- py websockets: idle: 3 lost",
            "- py websockets: storm: not measured: it ends",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("storm of 10k"), "{text}");
        assert_eq!(table.json()["not_run"][0]["server"], "Bun");
    }
}
