//! Users and groups, per container.

use rustc_hash::FxHashMap;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Main group.
    pub gid: u32,
    /// Name.
    pub name: Box<[u8]>,
    /// Home directory.
    pub home: Box<[u8]>,
    /// Shell.
    pub shell: Box<[u8]>,
}

/// A group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// Group id.
    pub gid: u32,
    /// Name.
    pub name: Box<[u8]>,
}

#[derive(Debug, Default)]
struct Space {
    users: FxHashMap<u32, User>,
    groups: FxHashMap<u32, Group>,
}

/// The users and groups of the host (container id empty) and of containers.
#[derive(Debug, Default)]
pub struct Users {
    host: Space,
    containers: FxHashMap<Box<[u8]>, Space>,
    /// The host's own lists, which Falco asks only when a process first needs an entry.
    passwd: FxHashMap<u32, User>,
    group: FxHashMap<u32, Group>,
    is_all_visible: bool,
}

/// Names that start so refer to a directory service and are no users.
fn is_directory_entry(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'+' | b'-'))
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// The users in the text of an `/etc/passwd`; lines that make no sense are skipped.
pub fn users_in(passwd: &[u8]) -> impl Iterator<Item = User> {
    passwd.split(|b| *b == b'\n').filter_map(|line| {
        let fields: Vec<&[u8]> = line.split(|b| *b == b':').collect();
        let [name, _, uid, gid, _, home, shell, ..] = fields[..] else { return None };
        Some(User {
            uid: number(uid)?,
            gid: number(gid)?,
            name: name.into(),
            home: home.into(),
            shell: shell.into(),
        })
    })
}

/// The groups in the text of an `/etc/group`; lines that make no sense are skipped.
pub fn groups_in(group: &[u8]) -> impl Iterator<Item = Group> {
    group.split(|b| *b == b'\n').filter_map(|line| {
        let mut fields = line.split(|b| *b == b':');
        let (name, gid) = (fields.next()?, fields.nth(1)?);
        Some(Group { gid: number(gid)?, name: name.into() })
    })
}

/// The ids of the groups that list a user as a member in the text of an `/etc/group`.
pub fn groups_with(group: &[u8], user: &[u8]) -> impl Iterator<Item = u32> {
    group.split(|b| *b == b'\n').filter_map(move |line| {
        let mut fields = line.split(|b| *b == b':').skip(2);
        let (gid, members) = (fields.next()?, fields.next()?);
        members.split(|b| *b == b',').any(|member| member == user).then(|| number(gid))?
    })
}

impl Users {
    /// Gives the text of the host's `/etc/passwd` and `/etc/group`. Of several lines with one id,
    /// the first counts; lines that make no sense are skipped. Entries become visible when a
    /// process with the id appears ([`Self::need`]).
    pub fn set_host_files(&mut self, passwd: &[u8], group: &[u8]) {
        self.passwd.clear();
        self.group.clear();
        for user in users_in(passwd) {
            self.passwd.entry(user.uid).or_insert(user);
        }
        for entry in groups_in(group) {
            self.group.entry(entry.gid).or_insert(entry);
        }
    }

    /// Gives the text of a container's `/etc/passwd` and `/etc/group`; all entries are visible.
    pub fn set_container_files(&mut self, container: &[u8], passwd: &[u8], group: &[u8]) {
        let space = self.containers.entry(container.into()).or_default();
        space.users.extend(users_in(passwd).map(|u| (u.uid, u)));
        space.groups.extend(groups_in(group).map(|g| (g.gid, g)));
    }

    fn space(&self, container: &[u8]) -> Option<&Space> {
        if container.is_empty() { Some(&self.host) } else { self.containers.get(container) }
    }

    fn space_mut(&mut self, container: &[u8]) -> &mut Space {
        if container.is_empty() {
            &mut self.host
        } else {
            self.containers.entry(container.into()).or_default()
        }
    }

    /// The users and groups of the host that are known, by their ids.
    pub fn of_host(&self) -> (Vec<User>, Vec<Group>) {
        let mut users: Vec<User> = self.host.users.values().cloned().collect();
        let mut groups: Vec<Group> = self.host.groups.values().cloned().collect();
        users.sort_unstable_by_key(|user| user.uid);
        groups.sort_unstable_by_key(|group| group.gid);
        (users, groups)
    }

    /// Shows all that the host's lists have, also users that no process had so far: of several
    /// shards each sees other processes.
    pub fn show_listed(&mut self) {
        self.is_all_visible = true;
        self.need(0, 0);
    }

    /// A user, if known.
    pub fn user(&self, container: &[u8], uid: u32) -> Option<&User> {
        let known = self.space(container)?.users.get(&uid);
        let listed = self.passwd.get(&uid).filter(|_| self.shows_lists_of(container, uid));
        listed.or(known)
    }

    /// The lists come before what was taken from older ones; root is known without.
    fn shows_lists_of(&self, container: &[u8], id: u32) -> bool {
        self.is_all_visible && container.is_empty() && id != 0
    }

    /// A group, if known.
    pub fn group(&self, container: &[u8], gid: u32) -> Option<&Group> {
        let known = self.space(container)?.groups.get(&gid);
        let listed = self.group.get(&gid).filter(|_| self.shows_lists_of(container, gid));
        listed.or(known)
    }

    /// Adds or replaces a user; entries of a directory service are left out.
    pub fn add_user(&mut self, container: &[u8], user: User) {
        if is_directory_entry(&user.name) {
            return;
        }
        let users = &mut self.space_mut(container).users;
        match users.get_mut(&user.uid) {
            // A known user keeps its main group.
            Some(known) => *known = User { gid: known.gid, ..user },
            None => _ = users.insert(user.uid, user),
        }
    }

    /// Adds or replaces a group; entries of a directory service are left out.
    pub fn add_group(&mut self, container: &[u8], group: Group) {
        if !is_directory_entry(&group.name) {
            self.space_mut(container).groups.insert(group.gid, group);
        }
    }

    /// Removes a user.
    pub fn remove_user(&mut self, container: &[u8], uid: u32) {
        self.space_mut(container).users.remove(&uid);
    }

    /// Removes a group.
    pub fn remove_group(&mut self, container: &[u8], gid: u32) {
        self.space_mut(container).groups.remove(&gid);
    }

    /// Forgets a container.
    pub fn remove_container(&mut self, container: &[u8]) {
        self.containers.remove(container);
    }

    /// Whether [`Self::need`] would change anything.
    #[inline]
    pub fn is_known(&self, uid: u32, gid: u32) -> bool {
        (uid == u32::MAX || self.host.users.contains_key(&uid))
            && (gid == u32::MAX || self.host.groups.contains_key(&gid))
    }

    /// A process of the host runs as this user and group: makes what the host's lists say of them
    /// visible. Root is known without a list.
    pub fn need(&mut self, uid: u32, gid: u32) {
        if uid != u32::MAX && !self.host.users.contains_key(&uid) {
            let user = if uid == 0 {
                let (name, home) = (b"root"[..].into(), b"/root"[..].into());
                Some(User { uid, gid, name, home, shell: b"<NA>"[..].into() })
            } else {
                self.passwd.get(&uid).cloned()
            };
            if let Some(user) = user {
                self.host.users.insert(uid, user);
            }
        }
        if gid != u32::MAX && !self.host.groups.contains_key(&gid) {
            let group = if gid == 0 {
                Some(Group { gid, name: b"root"[..].into() })
            } else {
                self.group.get(&gid).cloned()
            };
            if let Some(group) = group {
                self.host.groups.insert(gid, group);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_users_may_be_visible_before_they_are_needed() {
        let mut users = Users::default();
        users.set_host_files(b"alice:x:7:8::/home/a:/bin/sh\n", b"staff:x:8:\n");
        assert!(users.user(b"", 7).is_none() && users.user(b"", 0).is_none());
        users.show_listed();
        assert_eq!(&*users.user(b"", 7).unwrap().name, b"alice");
        assert_eq!(&*users.group(b"", 8).unwrap().name, b"staff");
        assert_eq!(&*users.user(b"", 0).unwrap().name, b"root");
        assert!(users.user(b"box", 7).is_none() && users.user(b"", 9).is_none());
        users.need(7, 8);
        users.set_host_files(b"bob:x:7:8::/home/b:/bin/sh\n", b"");
        assert_eq!(&*users.user(b"", 7).unwrap().name, b"bob");
    }

    #[test]
    fn host_lists_are_parsed_and_appear_when_needed() {
        let mut users = Users::default();
        let passwd = b"root:x:0:0:root:/root:/bin/bash\nbad\na:x:7:8::/home/a:/bin/sh\n\
            b:x:7:9::/b:/c\n+::::::\n";
        users.set_host_files(passwd, b"root:x:0:\nstaff:x:8:a,b\n");
        assert!(users.user(b"", 7).is_none());
        users.need(7, 8);
        users.need(0, 0);
        let a = users.user(b"", 7).unwrap();
        assert_eq!((&*a.name, &*a.home, a.gid), (&b"a"[..], &b"/home/a"[..], 8));
        assert_eq!(&*users.group(b"", 8).unwrap().name, b"staff");
        assert_eq!(&*users.user(b"", 0).unwrap().shell, b"<NA>");
        users.add_user(b"c1", User { uid: 7, name: b"x"[..].into(), ..User::default() });
        assert_eq!(&*users.user(b"c1", 7).unwrap().name, b"x");
        users.remove_container(b"c1");
        assert!(users.user(b"c1", 7).is_none());
    }
}
