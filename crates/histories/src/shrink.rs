//! The fewest acts that still fail.

use crate::act::{Act, History};

/// Leaves out acts as long as the history still `fails`. What is left fails, and none of its acts
/// can be left out alone.
pub fn shrink(history: &History, mut fails: impl FnMut(&History) -> bool) -> History {
    let mut best = history.clone();
    let mut chunk = best.acts.len().div_ceil(2);
    loop {
        let mut start = 0;
        let mut has_shrunk = false;
        while start < best.acts.len() {
            let end = (start + chunk).min(best.acts.len());
            let kept = best.acts[..start].iter().chain(&best.acts[end..]);
            let acts: Vec<Act> = kept.copied().collect();
            let candidate = History { acts, ..best.clone() };
            if fails(&candidate) {
                best = candidate;
                has_shrunk = true;
            } else {
                start = end;
            }
        }
        if chunk > 1 {
            chunk = chunk.div_ceil(2);
        } else if !has_shrunk {
            break;
        }
    }
    let simple = History { unlisted: 0, ..best.clone() };
    if fails(&simple) { simple } else { best }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let matters = |act: &Act| matches!(act, Act::Setsid { .. });
        let history = (0..).map(|seed| History::of_seed(seed, 300));
        let history =
            { history }.find(|h| h.acts.iter().filter(|a| matters(a)).count() > 3).unwrap();
        let fails = |h: &History| h.acts.iter().filter(|act| matters(act)).count() >= 2;
        let least = shrink(&history, fails);
        assert!(least.acts.len() == 2 && least.acts.iter().all(matters), "{least:?}");
    }
}
