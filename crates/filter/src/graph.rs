//! Making nodes: nothing exists twice, the cheap comes first, and what may be remembered is.

use crate::builder::{Map, NodeKey, combine};
use crate::program::{MEMOS, Node, NodeId, NodeInfo, NodeKind, Program};

impl Program {
    pub(crate) fn push_node(&mut self, kind: NodeKind, info: NodeInfo) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(Node { kind, memo: None });
        self.infos.push(info);
        id
    }

    pub(crate) fn info(&self, node: NodeId) -> NodeInfo {
        self.infos[node.0 as usize]
    }

    pub(crate) fn kind(&self, node: NodeId) -> NodeKind {
        self.nodes[node.0 as usize].kind
    }

    /// Children of an `and` or `or`.
    pub(crate) fn children_of(&self, start: u32, len: u32) -> &[NodeId] {
        &self.children[start as usize..(start + len) as usize]
    }

    /// An `and` or `or`; of one child, the child.
    pub(crate) fn join(
        &mut self,
        known: &mut Map<NodeKey, NodeId>,
        mut children: Vec<NodeId>,
        is_and: bool,
    ) -> NodeId {
        children.sort_unstable();
        children.dedup();
        if let [only] = *children {
            return only;
        }
        let list: Box<[NodeId]> = children.into();
        let key = if is_and { NodeKey::And(list.clone()) } else { NodeKey::Or(list.clone()) };
        if let Some(id) = known.get(&key) {
            return *id;
        }
        let info = self.info_of_all(&list);
        let (start, len) = (self.children.len() as u32, list.len() as u32);
        self.children.extend_from_slice(&list);
        let kind = if is_and { NodeKind::And { start, len } } else { NodeKind::Or { start, len } };
        let id = self.push_node(kind, info);
        known.insert(key, id);
        id
    }

    fn info_of_all(&self, children: &[NodeId]) -> NodeInfo {
        let mut scope = None;
        let mut costs: Vec<u32> = Vec::with_capacity(children.len());
        for (index, child) in children.iter().enumerate() {
            let info = self.info(*child);
            scope = if index == 0 { info.scope } else { combine(scope, info.scope) };
            costs.push(info.cost);
        }
        // The cheapest runs always, the others about half the time.
        costs.sort_unstable();
        let (first, others) = costs.split_first().unwrap_or((&0, &[]));
        let others = others.iter().fold(0, |sum: u32, cost| sum.saturating_add(*cost));
        NodeInfo { scope, cost: first.saturating_add(others / 2) }
    }

    pub(crate) fn negate(&mut self, known: &mut Map<NodeKey, NodeId>, child: NodeId) -> NodeId {
        if let NodeKind::Not(inner) = self.kind(child) {
            return inner;
        }
        let key = NodeKey::Not(child);
        if let Some(id) = known.get(&key) {
            return *id;
        }
        let id = self.push_node(NodeKind::Not(child), self.info(child));
        known.insert(key, id);
        id
    }

    /// All `and`, `or` and `not`, to find them again.
    pub(crate) fn keys(&self) -> Map<NodeKey, NodeId> {
        let sorted = |start: u32, len: u32| {
            let mut list: Box<[NodeId]> = self.children_of(start, len).into();
            list.sort_unstable();
            list
        };
        let key = |node: &Node| match node.kind {
            NodeKind::And { start, len } => Some(NodeKey::And(sorted(start, len))),
            NodeKind::Or { start, len } => Some(NodeKey::Or(sorted(start, len))),
            NodeKind::Not(child) => Some(NodeKey::Not(child)),
            NodeKind::Check(_) => None,
        };
        let ids = (0..).map(NodeId);
        self.nodes.iter().zip(ids).filter_map(|(node, id)| Some((key(node)?, id))).collect()
    }

    /// Puts the children of each node in order of what they are likely to cost: a node that many
    /// others have too is likely to be known already.
    pub(crate) fn order_children(&mut self) {
        let mut parents = vec![0u32; self.nodes.len()];
        for child in &self.children {
            parents[child.0 as usize] += 1;
        }
        let infos = &self.infos;
        let shared_cost = |child: &NodeId| {
            let index = child.0 as usize;
            // Fixed point, so that one of a hundred parents still costs something.
            u64::from(infos[index].cost) * 256 / u64::from(parents[index].max(1))
        };
        for node in &self.nodes {
            if let NodeKind::And { start, len } | NodeKind::Or { start, len } = node.kind {
                let range = start as usize..(start + len) as usize;
                self.children[range].sort_by_key(shared_cost);
            }
        }
    }

    /// Gives a place in a memo to the largest parts below `roots` that depend only on a process
    /// image or a file descriptor. What lies within such a part is not asked for once it is known.
    pub(crate) fn remember(&mut self, roots: &[NodeId]) {
        self.nodes.iter_mut().for_each(|node| node.memo = None);
        let mut bits = [0; MEMOS];
        let mut seen = vec![false; self.nodes.len()];
        let mut open: Vec<NodeId> = roots.to_vec();
        while let Some(node) = open.pop() {
            let index = node.0 as usize;
            if std::mem::replace(&mut seen[index], true) {
                continue;
            }
            if let Some(memo) = self.infos[index].memo() {
                let bit = &mut bits[usize::from(memo)];
                self.nodes[index].memo = Some((memo, *bit as u32));
                *bit += 1;
                continue;
            }
            match self.nodes[index].kind {
                NodeKind::And { start, len } | NodeKind::Or { start, len } => {
                    open.extend_from_slice(self.children_of(start, len));
                }
                NodeKind::Not(child) => open.push(child),
                NodeKind::Check(_) => {}
            }
        }
        self.memo_bits = bits;
    }
}
