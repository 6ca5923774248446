//! What the device has told of itself and of its network. In: its reports. Out: the bounds of
//! patience that follow from them. Must not know sessions.

use crate::health::Bounds;
use crate::{Config, NetworkKind};

/// What the device was last known to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Device {
    /// Whether nobody looks at the app.
    pub(crate) is_background: bool,
    /// Whether it calls its network weak.
    pub(crate) is_weak: bool,
    pub(crate) network: NetworkKind,
}

impl Device {
    /// Nothing was told yet.
    pub(crate) const fn new() -> Self {
        Self { is_background: false, is_weak: false, network: NetworkKind::Unknown }
    }

    /// The bounds of patience. A radio that has gone to sleep is allowed for, unless there is none.
    pub(crate) fn bounds(self, config: &Config) -> Bounds {
        let times = if self.is_weak { 2 } else { 1 };
        let cold_min = match self.network {
            NetworkKind::Wifi | NetworkKind::Wired => config.soft_warm_min,
            NetworkKind::Cellular | NetworkKind::Other | NetworkKind::Unknown => {
                config.soft_cold_min
            }
        };
        Bounds {
            warm_min: config.soft_warm_min.times(times),
            cold_min: cold_min.times(times),
            soft_max: config.soft_max,
            hard_min: config.hard_min,
            hard_max: config.heartbeat_timeout,
        }
    }
}
