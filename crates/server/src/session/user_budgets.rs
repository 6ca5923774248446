//! What each user has and does on this node: links at once, bytes and idempotency keys of
//! publishes, new channels. In: users, the time. Out: whether one more is within the budget, or
//! when it will be. Must not know: sockets, brokers. Tokens that name no user share no budget.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use steadfast_history::{PublishError, stable_hash};
use steadfast_machine::{Millis, Rate, Span};
use steadfast_protocol::{LinkId, UserId};

use crate::config::Limits;

/// Users without a link that are remembered. With all of them, and nothing to forget, the budgets
/// of some begin anew.
const IDLE_USERS_MAX: usize = 65_536;
const HOUR_S: u64 = 3_600;

/// The budget of each user, 0 for no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct UserLimits {
    links_max: usize,
    bytes: Allowance,
    keys: Allowance,
    channels: Allowance,
}

/// How much may be used at once, and how much comes back in a period of so many seconds; where
/// nothing comes back, there is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Allowance {
    burst: u32,
    refill: u32,
    period_s: u64,
}

/// What a user is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OverBudget {
    /// The user has as many links as it may.
    Links,
    /// Bytes of publishes: how long it is to wait.
    Bytes(Span),
    /// Idempotency keys: how long it is to wait.
    Keys(Span),
    /// New channels: how long it is to wait.
    Channels(Span),
}

/// All users that have a link, or published a while ago.
#[derive(Debug)]
pub(crate) struct UserBudgets {
    limits: UserLimits,
    users: Mutex<BTreeMap<UserId, Arc<Mutex<UserUse>>>>,
}

#[derive(Debug)]
struct UserUse {
    /// The sessions of each link, by the hash of its id: a link that comes back is not another one
    /// while its session before has not ended.
    links: BTreeMap<u64, u32>,
    bytes: Rate,
    keys: Rate,
    channels: Rate,
}

/// A session of a user, which is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct UserPermit {
    limits: UserLimits,
    user: Arc<Mutex<UserUse>>,
    link: u64,
}

impl UserLimits {
    /// The budgets of the settings.
    pub(crate) fn new(limits: &Limits) -> Self {
        let window_s = limits.idempotency_window_ms.div_ceil(1000);
        Self {
            links_max: limits.links_per_user_max,
            bytes: Allowance {
                burst: limits.publish_bytes_per_user_burst(),
                refill: limits.publish_bytes_per_second_per_user_max,
                period_s: 1,
            },
            keys: Allowance::of_period(limits.idempotency_keys_per_user_max, window_s),
            channels: Allowance::of_period(limits.new_channels_per_user_per_hour_max, HOUR_S),
        }
    }
}

impl Allowance {
    /// At most `most` in any period of so many seconds: half of them at once.
    fn of_period(most: u32, period_s: u64) -> Self {
        let burst = most.div_ceil(2);
        Self { burst, refill: (most - burst).max(most.min(1)), period_s: period_s.max(1) }
    }

    fn take(self, rate: &mut Rate, now: Millis, pieces: usize) -> Result<(), Span> {
        if self.refill == 0 {
            return Ok(());
        }
        let taken = rate.take(self.time(now), pieces, (self.refill, self.burst));
        taken.map_err(|Span(ms)| Span(ms.saturating_mul(self.period_s)))
    }

    fn is_full(self, rate: &mut Rate, now: Millis) -> bool {
        self.refill == 0 || rate.is_full(self.time(now), (self.refill, self.burst))
    }

    fn full(self, now: Millis) -> Rate {
        Rate::new(self.time(now), self.burst)
    }

    /// The time of a clock on which a period is a second.
    fn time(self, now: Millis) -> Millis {
        Millis(now.0 / self.period_s.max(1))
    }
}

impl UserBudgets {
    /// Nobody is there yet.
    pub(crate) fn new(limits: UserLimits) -> Self {
        Self { limits, users: Mutex::default() }
    }

    /// How many users are remembered.
    pub(crate) fn len(&self) -> usize {
        self.users.lock().len()
    }

    /// Counts one more session of a user's link.
    pub(crate) fn open(
        &self,
        now: Millis,
        user: &UserId,
        link: &LinkId,
    ) -> Result<UserPermit, OverBudget> {
        let (limits, link) = (self.limits, stable_hash(link.as_str().bytes()));
        let user = self.of(now, user);
        {
            let mut entry = user.lock();
            let is_full = limits.links_max > 0 && entry.links.len() >= limits.links_max;
            if is_full && !entry.links.contains_key(&link) {
                return Err(OverBudget::Links);
            }
            *entry.links.entry(link).or_default() += 1;
        }
        Ok(UserPermit { limits, user, link })
    }

    fn of(&self, now: Millis, user: &UserId) -> Arc<Mutex<UserUse>> {
        let mut users = self.users.lock();
        if let Some(entry) = users.get(user) {
            return Arc::clone(entry);
        }
        self.make_room(now, &mut users);
        let entry = Arc::new(Mutex::new(UserUse::new(now, self.limits)));
        users.insert(user.clone(), Arc::clone(&entry));
        entry
    }

    /// Forgets users without a link once there are many: first those whose budgets are full, and if
    /// that is none, all.
    fn make_room(&self, now: Millis, users: &mut BTreeMap<UserId, Arc<Mutex<UserUse>>>) {
        // Those with links are no more than the node has connections.
        if users.len() < IDLE_USERS_MAX {
            return;
        }
        // Whoever holds a permit holds the entry too.
        let is_held = |entry: &Arc<Mutex<UserUse>>| Arc::strong_count(entry) > 1;
        users.retain(|_, entry| is_held(entry) || !entry.lock().is_as_new(now, self.limits));
        if users.len() >= IDLE_USERS_MAX {
            users.retain(|_, entry| is_held(entry));
        }
    }
}

impl UserPermit {
    /// Takes a publish of so many bytes, with an idempotency key or without.
    pub(crate) fn publish(
        &self,
        now: Millis,
        bytes: usize,
        has_key: bool,
    ) -> Result<(), OverBudget> {
        let UserLimits { bytes: of_bytes, keys, .. } = self.limits;
        let mut user = self.user.lock();
        if has_key {
            keys.take(&mut user.keys, now, 1).map_err(OverBudget::Keys)?;
        }
        of_bytes.take(&mut user.bytes, now, bytes).map_err(|wait| {
            if has_key {
                user.keys.give_back(1, keys.burst);
            }
            OverBudget::Bytes(wait)
        })
    }

    /// The publish remembers no new key: it repeated another one, or was refused.
    pub(crate) fn give_back_key(&self) {
        self.user.lock().keys.give_back(1, self.limits.keys.burst);
    }

    /// Takes a channel, which the publish may make.
    pub(crate) fn new_channel(&self, now: Millis) -> Result<(), OverBudget> {
        let taken = self.limits.channels.take(&mut self.user.lock().channels, now, 1);
        taken.map_err(OverBudget::Channels)
    }

    /// The publish made no channel.
    pub(crate) fn give_back_channel(&self) {
        self.user.lock().channels.give_back(1, self.limits.channels.burst);
    }
}

impl Drop for UserPermit {
    fn drop(&mut self) {
        let mut user = self.user.lock();
        if let Some(sessions) = user.links.get_mut(&self.link) {
            *sessions -= 1;
            if *sessions == 0 {
                user.links.remove(&self.link);
            }
        }
    }
}

impl UserUse {
    fn new(now: Millis, limits: UserLimits) -> Self {
        Self {
            links: BTreeMap::new(),
            bytes: limits.bytes.full(now),
            keys: limits.keys.full(now),
            channels: limits.channels.full(now),
        }
    }

    fn is_as_new(&mut self, now: Millis, limits: UserLimits) -> bool {
        limits.bytes.is_full(&mut self.bytes, now)
            && limits.keys.is_full(&mut self.keys, now)
            && limits.channels.is_full(&mut self.channels, now)
    }
}

impl OverBudget {
    /// The setting that says so.
    pub(crate) const fn setting(self) -> &'static str {
        match self {
            Self::Links => "limits.links_per_user_max",
            Self::Bytes(_) => "limits.publish_bytes_per_second_per_user_max",
            Self::Keys(_) => "limits.idempotency_keys_per_user_max",
            Self::Channels(_) => "limits.new_channels_per_user_per_hour_max",
        }
    }
}

impl From<OverBudget> for PublishError {
    fn from(over: OverBudget) -> Self {
        let Span(ms) = match over {
            OverBudget::Links => Span(0),
            OverBudget::Bytes(wait) | OverBudget::Keys(wait) | OverBudget::Channels(wait) => wait,
        };
        let wait_s = u32::try_from(ms.div_ceil(1000)).unwrap_or(u32::MAX).max(1);
        Self::OverBudget { setting: over.setting(), wait_s }
    }
}

#[cfg(test)]
mod tests {
    use super::{IDLE_USERS_MAX, OverBudget, UserBudgets, UserLimits};
    use crate::config::Limits;
    use steadfast_machine::{Millis, Span};
    use steadfast_protocol::{LinkId, UserId};

    const NOW: Millis = Millis(1_000);

    fn budgets() -> UserBudgets {
        UserBudgets::new(UserLimits::new(&Limits {
            links_per_user_max: 2,
            message_bytes_max: 100,
            publish_bytes_per_second_per_user_max: 100,
            idempotency_keys_per_user_max: 4,
            idempotency_window_ms: 10_000,
            new_channels_per_user_per_hour_max: 2,
            ..Limits::default()
        }))
    }

    fn user(name: &str) -> UserId {
        UserId::new(name).unwrap()
    }

    fn link(name: &str) -> LinkId {
        LinkId::new(&format!("link-of-{name}")).unwrap()
    }

    #[test]
    fn a_user_has_links_up_to_its_limit_and_gets_them_back() {
        let (budgets, ada) = (budgets(), user("ada"));
        let open = |user: &UserId, name: &str| budgets.open(NOW, user, &link(name));
        let (one, two) = (open(&ada, "one").unwrap(), open(&ada, "two").unwrap());
        assert_eq!(open(&ada, "three").err(), Some(OverBudget::Links));
        assert!(open(&user("ben"), "three").is_ok());
        // The session before has not ended yet, and its link is back already.
        let again = open(&ada, "two").unwrap();
        drop(two);
        assert_eq!(open(&ada, "three").err(), Some(OverBudget::Links));
        drop(again);
        assert!(open(&ada, "three").is_ok());
        drop(one);
    }

    #[test]
    fn bytes_are_those_of_all_links_and_a_new_link_brings_no_more() {
        let (budgets, ada) = (budgets(), user("ada"));
        let one = budgets.open(NOW, &ada, &link("one")).unwrap();
        assert_eq!(one.publish(NOW, 400, false), Ok(()));
        let two = budgets.open(NOW, &ada, &link("two")).unwrap();
        assert_eq!(two.publish(NOW, 1, false), Err(OverBudget::Bytes(Span(10))));
        drop((one, two));
        let back = budgets.open(NOW, &ada, &link("one")).unwrap();
        assert_eq!(back.publish(NOW, 100, false), Err(OverBudget::Bytes(Span(1_000))));
        assert_eq!(back.publish(NOW + Span(1_000), 100, false), Ok(()));
        let other = budgets.open(NOW, &user("ben"), &link("one")).unwrap();
        assert_eq!(other.publish(NOW, 400, false), Ok(()));
    }

    #[test]
    fn no_more_keys_are_remembered_in_any_window_than_a_user_may_have() {
        let (budgets, ada) = (budgets(), user("ada"));
        let permit = budgets.open(NOW, &ada, &link("one")).unwrap();
        let taken = |from: u64, to: u64| {
            (from..to).filter(|ms| permit.publish(NOW + Span(*ms), 0, true).is_ok()).count()
        };
        assert_eq!(taken(0, 10_000), 3, "two at once, one comes back in five seconds");
        assert_eq!(taken(10_000, 20_000), 2);
        assert_eq!(permit.publish(NOW + Span(20_000), 0, false), Ok(()));
    }

    #[test]
    fn what_was_not_used_comes_back() {
        let (budgets, ada) = (budgets(), user("ada"));
        let permit = budgets.open(NOW, &ada, &link("one")).unwrap();
        for _ in 0..9 {
            assert_eq!(permit.publish(NOW, 0, true), Ok(()));
            permit.give_back_key();
            assert_eq!(permit.new_channel(NOW), Ok(()));
            permit.give_back_channel();
        }
        assert_eq!(permit.new_channel(NOW), Ok(()));
        let Err(OverBudget::Channels(Span(ms))) = permit.new_channel(NOW) else { panic!() };
        assert!((3_500_000..=3_600_000).contains(&ms), "{ms}");
        // Bytes that are refused take no key.
        assert!(permit.publish(NOW, 401, true).is_err());
        assert_eq!(permit.publish(NOW, 0, true), Ok(()));
        assert_eq!(permit.publish(NOW, 0, true), Ok(()));
        assert!(matches!(permit.publish(NOW, 0, true), Err(OverBudget::Keys(_))));
    }

    #[test]
    fn a_limit_of_0_is_none() {
        let limits = Limits {
            links_per_user_max: 0,
            publish_bytes_per_second_per_user_max: 0,
            idempotency_keys_per_user_max: 0,
            new_channels_per_user_per_hour_max: 0,
            ..Limits::default()
        };
        let budgets = UserBudgets::new(UserLimits::new(&limits));
        let ada = user("ada");
        let permits: Vec<_> = (0..100)
            .map(|n| budgets.open(NOW, &ada, &link(&format!("link-{n}"))).unwrap())
            .collect();
        for permit in &permits {
            assert_eq!(permit.publish(NOW, 1_000_000_000, true), Ok(()));
            assert_eq!(permit.new_channel(NOW), Ok(()));
        }
    }

    #[test]
    fn the_table_forgets_who_has_no_link_and_never_who_has_one() {
        let (budgets, ada) = (budgets(), user("ada"));
        let permit = budgets.open(NOW, &ada, &link("one")).unwrap();
        permit.publish(NOW, 400, false).unwrap();
        for n in 0..2 * IDLE_USERS_MAX {
            drop(budgets.open(NOW, &user(&format!("user-{n}")), &link("one")));
            assert!(budgets.len() <= IDLE_USERS_MAX);
        }
        let again = budgets.open(NOW, &ada, &link("two")).unwrap();
        assert!(again.publish(NOW, 1, false).is_err());
    }
}
