//! A set of networks.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks, merged into sorted ranges that do not touch.
#[derive(Debug, Default)]
pub(crate) struct NetSet {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl NetSet {
    pub fn new(nets: &[IpNet]) -> Self {
        let mut set = NetSet::default();
        for net in nets {
            match net {
                IpNet::V4(net) => set.v4.push((net.network().into(), net.broadcast().into())),
                IpNet::V6(net) => set.v6.push((net.network().into(), net.broadcast().into())),
            }
        }
        merge(&mut set.v4, |end| end.checked_add(1));
        merge(&mut set.v6, |end| end.checked_add(1));
        set
    }

    /// Whether an address lies in one of the networks; those of the other family do not matter.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => covers(&self.v4, address.into()),
            IpAddr::V6(address) => covers(&self.v6, address.into()),
        }
    }
}

fn covers<T: Ord + Copy>(ranges: &[(T, T)], address: T) -> bool {
    let after = ranges.partition_point(|(start, _)| *start <= address);
    after > 0 && address <= ranges[after - 1].1
}

fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>, next: impl Fn(T) -> Option<T>) {
    ranges.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(ranges.len());
    for &(start, end) in ranges.iter() {
        match merged.last_mut() {
            Some(last) if next(last.1).is_none_or(|after| start <= after) => {
                last.1 = last.1.max(end);
            }
            _ => merged.push((start, end)),
        }
    }
    *ranges = merged;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_networks_are_one() {
        let nets: Vec<IpNet> =
            ["10.0.0.0/8", "10.1.0.0/16", "11.0.0.0/8", "0.0.0.0/32", "fe80::/10", "::1/128"]
                .map(|n| n.parse().unwrap())
                .to_vec();
        let set = NetSet::new(&nets);
        assert_eq!(set.v4.len(), 2);
        for (address, expected) in [
            ("10.255.255.255", true),
            ("11.0.0.1", true),
            ("12.0.0.0", false),
            ("0.0.0.0", true),
            ("::1", true),
            ("fe80::1", true),
            ("::2", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), expected, "{address}");
        }
        assert!(NetSet::new(&["::/0".parse().unwrap()]).contains("::5".parse().unwrap()));
    }
}
