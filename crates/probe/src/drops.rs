//! Records the kernel side could not deliver.

/// Number of record classes, as in `bpf/lib/maps.bpf.h`.
pub const CLASSES: usize = 4;
/// Number of causes, as in `bpf/lib/maps.bpf.h`.
pub const CAUSES: usize = 4;
/// Names of the classes, most valuable first.
pub const CLASS_NAMES: [&str; CLASSES] = ["lifecycle", "state", "rule", "other"];
/// Names of the causes.
pub const CAUSE_NAMES: [&str; CAUSES] = ["ring full", "class share", "scratch busy", "too large"];

pub(crate) const fn key(ring: u32, class: u32, cause: u32) -> u32 {
    (ring * CLASSES as u32 + class) * CAUSES as u32 + cause
}

/// Lost records by ring, class and cause. Only what is not zero is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drops {
    /// `(ring, class, cause, count)`.
    pub entries: Vec<(u32, u32, u32, u64)>,
}

impl Drops {
    pub(crate) fn add(&mut self, ring: u32, class: u32, cause: u32, count: u64) {
        self.entries.push((ring, class, cause, count));
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.entries.iter().map(|e| e.3).sum()
    }

    /// Those of one class.
    pub fn of_class(&self, class: u32) -> u64 {
        self.entries.iter().filter(|e| e.1 == class).map(|e| e.3).sum()
    }

    /// Sums over rings, as `(class name, cause name, count)`, most valuable class first.
    pub fn by_class_and_cause(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut sums = [[0u64; CAUSES]; CLASSES];
        for (_, class, cause, count) in &self.entries {
            if let Some(sum) =
                sums.get_mut(*class as usize).and_then(|c| c.get_mut(*cause as usize))
            {
                *sum += count;
            }
        }
        let mut named = Vec::new();
        for (class, causes) in sums.iter().enumerate() {
            for (cause, count) in causes.iter().enumerate().filter(|(_, count)| **count > 0) {
                named.push((CLASS_NAMES[class], CAUSE_NAMES[cause], *count));
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_class_and_cause_apart() {
        let mut drops = Drops::default();
        drops.add(0, 3, 1, 5);
        drops.add(1, 3, 1, 2);
        drops.add(1, 1, 0, 1);
        assert_eq!(drops.total(), 8);
        assert_eq!(drops.of_class(3), 7);
        let expected = [("state", "ring full", 1), ("other", "class share", 7)];
        assert_eq!(drops.by_class_and_cause(), expected);
    }

    #[test]
    fn keys_do_not_collide() {
        let mut seen = std::collections::HashSet::new();
        for ring in 0..256 {
            for class in 0..CLASSES as u32 {
                for cause in 0..CAUSES as u32 {
                    assert!(seen.insert(key(ring, class, cause)));
                }
            }
        }
    }
}
