use std::cell::Cell;

use proptest::prelude::*;

use super::*;

const WINDOW: Duration = Duration::from_millis(100);

fn order<T>(capacity: usize) -> Order<T> {
    Order::new(OrderOptions { window: WINDOW, capacity })
}

fn released<T>(order: &mut Order<T>, settled: u64, now: Instant) -> Vec<T> {
    let mut out = Vec::new();
    order.release(settled, now, |it| out.push(it));
    out
}

#[test]
fn what_is_settled_leaves_sorted_and_the_rest_stays() {
    let now = Instant::now();
    let mut order = order(100);
    for (sequence, worker, it) in [(30, 0, 'c'), (20, 1, 'b'), (10, 0, 'a'), (40, 1, 'd')] {
        assert_eq!(order.add(sequence, worker, it, now), None);
    }
    assert_eq!(released(&mut order, 30, now), ['a', 'b', 'c']);
    assert_eq!((order.totals().held, order.totals().out_of_order), (1, 0));
    assert_eq!(order.add(30, 1, 'x', now), None, "of the very time of the last one: in order");
    assert_eq!(order.add(29, 1, 'y', now), Some('y'), "too late");
    assert_eq!(order.totals().out_of_order, 1);
    assert_eq!(released(&mut order, u64::MAX, now), ['x', 'd']);
}

#[test]
fn ties_go_by_worker_and_then_by_arrival() {
    let now = Instant::now();
    let mut order = order(100);
    for (worker, it) in [(1, 'c'), (0, 'a'), (1, 'd'), (0, 'b')] {
        order.add(7, worker, it, now);
    }
    assert_eq!(released(&mut order, 7, now), ['a', 'b', 'c', 'd']);
}

#[test]
fn nothing_is_kept_for_longer_than_the_window() {
    let start = Instant::now();
    let at = |ms| start + Duration::from_millis(ms);
    let mut order = order(100);
    order.add(50, 0, 'b', at(0));
    order.add(40, 0, 'a', at(90));
    order.add(60, 0, 'c', at(95));
    assert!(released(&mut order, 0, at(99)).is_empty());
    assert_eq!(
        released(&mut order, 0, at(100)),
        ['a', 'b'],
        "one that is due takes older ones along"
    );
    assert_eq!(order.totals().overdue, 2);
    assert!(released(&mut order, 0, at(194)).is_empty());
    assert_eq!(released(&mut order, 0, at(195)), ['c']);
    assert!(order.is_empty() && order.arrivals.is_empty());
}

#[test]
fn past_the_bound_the_oldest_leave() {
    let now = Instant::now();
    let mut order = order(2);
    for sequence in [5, 3, 4, 1, 2] {
        order.add(sequence, 0, sequence, now);
    }
    assert_eq!(released(&mut order, 2, now), [1, 2, 3]);
    assert_eq!((order.totals().crowded, order.totals().held), (1, 2));
    order.flush(|_| {});
    assert_eq!(order.arrivals.len(), 0);
}

/// What happens, by turns.
#[derive(Debug, Clone)]
enum Turn {
    /// A worker sends its next alert.
    Send(usize),
    /// A worker tells how far it has come.
    Mark(usize),
    /// The output looks.
    Look,
    /// Time passes, in milliseconds.
    Wait(u64),
}

fn turns(workers: usize, longest_ms: u64) -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        4 => (0..workers).prop_map(Turn::Send),
        2 => (0..workers).prop_map(Turn::Mark),
        2 => Just(Turn::Look),
        1 => (0..=longest_ms).prop_map(Turn::Wait),
    ];
    prop::collection::vec(turn, 0..200)
}

/// Plays turns; gives what left, and the figures. Event `n` is of the worker `owners[n]`, at the
/// time `n / 2 + 1`, so that some are of one time.
fn play(
    owners: &[usize],
    turns: &[Turn],
    capacity: usize,
) -> (Vec<(u64, u32, usize)>, OrderTotals) {
    const WORKERS: usize = 3;
    let time = |event: usize| event as u64 / 2 + 1;
    let mut order = order(capacity);
    let mut now = Instant::now();
    let mut queue = Vec::new();
    let mut marks = [0u64; WORKERS];
    let next: [Cell<usize>; WORKERS] = Default::default();
    let own = |worker: usize| owners.iter().enumerate().filter(move |(_, o)| **o == worker);
    let mut left = Vec::new();
    for turn in turns {
        match turn {
            Turn::Send(worker) => {
                if let Some((event, _)) = own(*worker).nth(next[*worker].get()) {
                    next[*worker].set(next[*worker].get() + 1);
                    queue.push((time(event), *worker as u32, event));
                }
            }
            // It is past all that is before its next event.
            Turn::Mark(worker) => {
                let following = own(*worker).nth(next[*worker].get());
                marks[*worker] = following.map_or(u64::MAX, |(n, _)| time(n).saturating_sub(1));
            }
            Turn::Wait(ms) => now += Duration::from_millis(*ms),
            Turn::Look => {
                let settled = marks.into_iter().min().unwrap_or(0);
                for alert in queue.drain(..) {
                    left.extend(order.add(alert.0, alert.1, alert, now));
                }
                order.release(settled, now, |alert| left.push(alert));
                assert!(order.held.len() <= capacity);
                assert_eq!(order.held.len(), order.arrivals.len());
                let is_due = |(since, _): &(Instant, Key)| now - *since >= WINDOW;
                assert!(!order.arrivals.values().any(is_due));
            }
        }
    }
    // The end: what has not been sent yet, too.
    for (worker, next) in next.iter().enumerate() {
        let rest = own(worker).skip(next.get());
        queue.extend(rest.map(|(event, _)| (time(event), worker as u32, event)));
    }
    for alert in queue.drain(..) {
        left.extend(order.add(alert.0, alert.1, alert, now));
    }
    order.flush(|alert| left.push(alert));
    (left, order.totals())
}

proptest! {
    /// Nobody is kept for the window: all leave sorted, whoever sends and tells what when.
    #[test]
    fn any_interleaving_comes_out_sorted(
        owners in prop::collection::vec(0usize..3, 0..100),
        turns in turns(3, 0),
    ) {
        let (left, totals) = play(&owners, &turns, usize::MAX);
        let mut sorted: Vec<_> = left.clone();
        sorted.sort();
        prop_assert_eq!(&left, &sorted);
        let events: std::collections::BTreeSet<_> = left.iter().map(|(_, _, n)| *n).collect();
        prop_assert_eq!((left.len(), events.len()), (owners.len(), owners.len()));
        prop_assert_eq!((totals.out_of_order, totals.overdue, totals.crowded), (0, 0, 0));
    }

    /// Whatever the bounds do, nothing is lost or doubled, and what is out of order is counted.
    #[test]
    fn bounds_cost_order_and_nothing_else(
        owners in prop::collection::vec(0usize..3, 0..100),
        turns in turns(3, 60),
        capacity in 0usize..10,
    ) {
        let (left, totals) = play(&owners, &turns, capacity);
        let events: std::collections::BTreeSet<_> = left.iter().map(|(_, _, n)| *n).collect();
        prop_assert_eq!((left.len(), events.len()), (owners.len(), owners.len()));
        let mut newest = 0;
        let mut behind = 0;
        for (time, _, _) in &left {
            behind += u64::from(*time < newest);
            newest = newest.max(*time);
        }
        prop_assert_eq!(totals.out_of_order, behind);
        prop_assert!(behind == 0 || totals.overdue + totals.crowded > 0);
        prop_assert_eq!(totals.held, 0);
    }
}
