//! How a worker waits for records: spin briefly, nap, then sleep until the kernel wakes it.
//!
//! While records come, waking per record would cost more than the work. So a worker that finds its
//! rings empty first spins, then naps for about a millisecond at a time (records gather meanwhile;
//! a ring that fills up wakes it early), and only after some fruitless naps announces that it
//! sleeps, upon which the probe wakes it with the very next record.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{Timespec, epoll};

/// How patient a worker is.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Looks at the rings before the first nap.
    pub spins: u32,
    /// Naps before the worker sleeps.
    pub naps: u32,
    /// Length of a nap.
    pub nap: Duration,
    /// Longest sleep; bounds how late a stop or a reload is seen.
    pub sleep: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            spins: 64,
            naps: 3,
            nap: Duration::from_millis(1),
            sleep: Duration::from_millis(200),
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Look again at once.
    Spin,
    /// [`Waiter::wait`] for the length of a nap.
    Nap,
    /// Announce it, look once more, then [`Waiter::wait`] for the length of a sleep.
    Sleep,
}

/// Waits on the rings of one worker.
pub struct Waiter {
    epoll: OwnedFd,
    patience: Patience,
    idle: u32,
}

impl Waiter {
    /// Watches the given ring buffers.
    ///
    /// # Errors
    /// If the kernel refuses an epoll instance or a ring in it.
    pub fn new<'a>(
        rings: impl IntoIterator<Item = BorrowedFd<'a>>,
        patience: Patience,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        for (index, ring) in rings.into_iter().enumerate() {
            let data = epoll::EventData::new_u64(index as u64);
            // Edge-triggered: a ring that is not empty but not worth waking for must not end a nap.
            epoll::add(&epoll, ring, data, epoll::EventFlags::IN | epoll::EventFlags::ET)?;
        }
        Ok(Self { epoll, patience, idle: 0 })
    }

    /// Records came: start over.
    pub fn busy(&mut self) {
        self.idle = 0;
    }

    /// The rings were empty: what next?
    pub fn step(&mut self) -> Step {
        self.idle = self.idle.saturating_add(1);
        if self.idle <= self.patience.spins {
            Step::Spin
        } else if self.idle <= self.patience.spins + self.patience.naps {
            Step::Nap
        } else {
            Step::Sleep
        }
    }

    /// Waits as long as `step` says, or until the kernel wakes this worker.
    ///
    /// # Errors
    /// If epoll fails for another reason than a signal.
    pub fn wait(&mut self, step: Step) -> io::Result<()> {
        let timeout = match step {
            Step::Spin => {
                std::hint::spin_loop();
                return Ok(());
            }
            Step::Nap => self.patience.nap,
            Step::Sleep => self.patience.sleep,
        };
        let timeout = Timespec {
            tv_sec: timeout.as_secs() as i64,
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut events: [std::mem::MaybeUninit<epoll::Event>; 8] =
            [const { std::mem::MaybeUninit::uninit() }; 8];
        match epoll::wait(self.epoll.as_fd(), &mut events, Some(&timeout)) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // After a sleep a nap lets records gather, so that a slow trickle does not wake the worker
        // for each of them.
        if step == Step::Sleep {
            self.idle = self.patience.spins;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_runs_out_in_order_and_starts_over() {
        let patience = Patience { spins: 2, naps: 1, ..Patience::default() };
        let mut waiter = Waiter::new([], patience).unwrap();
        let steps: Vec<_> = (0..5).map(|_| waiter.step()).collect();
        assert_eq!(steps, [Step::Spin, Step::Spin, Step::Nap, Step::Sleep, Step::Sleep]);
        waiter.busy();
        assert_eq!(waiter.step(), Step::Spin);
    }

    #[test]
    fn a_sleep_ends_when_a_watched_fd_becomes_readable() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let patience = Patience { sleep: Duration::from_secs(60), ..Patience::default() };
        let mut waiter = Waiter::new([read.as_fd()], patience).unwrap();
        let writer = std::thread::spawn(move || {
            rustix::io::write(&write, b"x").unwrap();
            write
        });
        waiter.wait(Step::Sleep).unwrap();
        drop(writer.join().unwrap());
    }
}
