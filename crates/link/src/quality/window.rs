//! The last ten minutes, in slices of fifteen seconds. In: how long events were polled for, or
//! could not come. Out: both sums. Time that was before the window began counts as good.

/// How long a slice is, in milliseconds.
const SLICE: u64 = 15_000;
/// How many there are.
const SLICES: usize = 40;
/// How far the window reaches, in milliseconds.
pub(crate) const WINDOW: u64 = 600_000;

/// The time in a slice, or in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Milliseconds of polling.
    pub(crate) polled: u64,
    /// Milliseconds without anything.
    pub(crate) off: u64,
}

/// The window.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    slices: [Lost; SLICES],
    /// The slice that is being filled, counted from the beginning of time.
    newest: u64,
}

impl Window {
    pub(crate) const fn new() -> Self {
        Self { slices: [Lost { polled: 0, off: 0 }; SLICES], newest: 0 }
    }

    /// Adds the time from `from` to `to`, with what it was lost to.
    pub(crate) fn pass(&mut self, from: u64, to: u64, lost: impl Fn(u64) -> Lost) {
        let mut from = from.max(to.saturating_sub(WINDOW));
        while from < to {
            self.advance(from);
            let until = to.min((from / SLICE + 1) * SLICE);
            let one = lost(until - from);
            if let Some(slice) = self.slice(from / SLICE) {
                slice.polled += one.polled;
                slice.off += one.off;
            }
            from = until;
        }
        self.advance(to);
    }

    /// All that was lost in it.
    pub(crate) fn lost(&self) -> Lost {
        self.slices.iter().fold(Lost::default(), |all, one| Lost {
            polled: all.polled + one.polled,
            off: all.off + one.off,
        })
    }

    /// Forgets what the slices held a window ago.
    fn advance(&mut self, now: u64) {
        let newest = now / SLICE;
        let first = (self.newest + 1).max((newest + 1).saturating_sub(SLICES as u64));
        for number in first..=newest {
            if let Some(slice) = self.slice(number) {
                *slice = Lost::default();
            }
        }
        self.newest = self.newest.max(newest);
    }

    fn slice(&mut self, number: u64) -> Option<&mut Lost> {
        let place = usize::try_from(number % SLICES as u64).ok()?;
        self.slices.get_mut(place)
    }
}

#[cfg(test)]
mod tests {
    use super::{Lost, WINDOW, Window};

    fn off(span: u64) -> Lost {
        Lost { polled: 0, off: span }
    }

    fn polled(span: u64) -> Lost {
        Lost { polled: span, off: 0 }
    }

    fn nothing(_: u64) -> Lost {
        Lost::default()
    }

    #[test]
    fn what_was_lost_is_remembered_for_ten_minutes() {
        let mut window = Window::new();
        window.pass(0, 10_000, off);
        window.pass(10_000, 40_000, polled);
        assert_eq!(window.lost(), Lost { polled: 30_000, off: 10_000 });
        window.pass(40_000, 599_999, nothing);
        assert_eq!(window.lost(), Lost { polled: 30_000, off: 10_000 });
        window.pass(599_999, 600_000, nothing);
        assert_eq!(window.lost(), Lost { polled: 25_000, off: 0 });
        window.pass(600_000, 645_000, nothing);
        assert_eq!(window.lost(), Lost::default());
    }

    #[test]
    fn no_more_than_the_window_is_lost() {
        let mut window = Window::new();
        window.pass(7, 100 * WINDOW + 7, off);
        assert!((WINDOW - 15_000..=WINDOW).contains(&window.lost().off));
        window.pass(100 * WINDOW + 7, u64::MAX / 4, nothing);
        assert_eq!(window.lost(), Lost::default());
    }
}
