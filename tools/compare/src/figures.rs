//! What is measured of every server: names, units, which floor it is held to. Must not know: how.

/// A figure of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    IdleBytes,
    Connects,
    Storm,
    StormFailed,
    StormP99,
    ThousandP50,
    ThousandP99,
    ThousandOne,
    ThousandEight,
    ManyP50,
    ManyMax,
    ManyCpu,
    ManyFour,
    ChannelsP50,
    ChannelsP99,
    BusyP50,
    BusyP99,
    BusyCores,
    ChannelsMost,
    HundredP50,
    HundredP99,
}

/// The floor that a figure is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    Write,
    Coalesce,
    /// A ratio would say nothing.
    Nothing,
}

impl Figure {
    /// In the order of the table.
    pub(crate) const ALL: [Self; 21] = [
        Self::IdleBytes,
        Self::Connects,
        Self::Storm,
        Self::StormFailed,
        Self::StormP99,
        Self::ThousandP50,
        Self::ThousandP99,
        Self::ThousandOne,
        Self::ThousandEight,
        Self::ManyP50,
        Self::ManyMax,
        Self::ManyCpu,
        Self::ManyFour,
        Self::ChannelsP50,
        Self::ChannelsP99,
        Self::BusyP50,
        Self::BusyP99,
        Self::BusyCores,
        Self::ChannelsMost,
        Self::HundredP50,
        Self::HundredP99,
    ];

    /// What it is called, with sizes filled in: `many` links and `channels` channels.
    pub(crate) fn title(self, many: usize, channels: usize) -> String {
        let (many, channels) = (short(many), short(channels));
        match self {
            Self::IdleBytes => "idle bytes a link".into(),
            Self::Connects => "connects/s".into(),
            Self::Storm => format!("storm of {many}, links/s"),
            Self::StormFailed => format!("storm of {many}, failed"),
            Self::StormP99 => format!("storm of {many}, p99 ms"),
            Self::ThousandP50 => "1k paced, p50 ms".into(),
            Self::ThousandP99 => "1k paced, p99 ms".into(),
            Self::ThousandOne => "1k W=1, del/s".into(),
            Self::ThousandEight => "1k W=8, del/s".into(),
            Self::ManyP50 => format!("{many} paced, p50 ms"),
            Self::ManyMax => format!("{many} paced, max ms"),
            Self::ManyCpu => format!("{many} paced, CPU s a million"),
            Self::ManyFour => format!("{many} W=4, del/s"),
            Self::ChannelsP50 => format!("{channels} channels @5k/s, p50 ms"),
            Self::ChannelsP99 => format!("{channels} channels @5k/s, p99 ms"),
            Self::BusyP50 => format!("{channels} channels @20k/s, p50 ms"),
            Self::BusyP99 => format!("{channels} channels @20k/s, p99 ms"),
            Self::BusyCores => format!("{channels} channels @20k/s, cores"),
            Self::ChannelsMost => format!("{channels} channels saturated, del/s"),
            Self::HundredP50 => "100 links, p50 ms".into(),
            Self::HundredP99 => "100 links, p99 ms".into(),
        }
    }

    /// Which floor it is held to: joining frames helps where more than one is on its way.
    pub(crate) fn against(self) -> Against {
        match self {
            Self::IdleBytes | Self::StormFailed => Against::Nothing,
            Self::ThousandEight | Self::ManyFour => Against::Coalesce,
            Self::Connects
            | Self::Storm
            | Self::StormP99
            | Self::ThousandP50
            | Self::ThousandP99
            | Self::ThousandOne
            | Self::ManyP50
            | Self::ManyMax
            | Self::ManyCpu
            | Self::ChannelsP50
            | Self::ChannelsP99
            | Self::BusyP50
            | Self::BusyP99
            | Self::BusyCores
            | Self::ChannelsMost
            | Self::HundredP50
            | Self::HundredP99 => Against::Write,
        }
    }
}

fn short(count: usize) -> String {
    if count.is_multiple_of(1000) { format!("{}k", count / 1000) } else { count.to_string() }
}
