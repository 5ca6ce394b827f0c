//! Wake-ups of a connection that is moved by whoever uses it.
//!
//! Its two ends talk through channels within one task, and each word would wake that task: it
//! would be run again, whole, for news that it had just seen, and often by another thread. While
//! the task is here, wake-ups only say "once more"; while it has no business with the connection,
//! they say nothing.
//!
//! **Invariant:** no wake-up is lost to who waits for one. One that comes while the task is here
//! is looked at before the task is told to wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

/// Stands between a connection and the task that moves it.
#[derive(Debug)]
pub(super) struct Relay {
    bell: Arc<Bell>,
    /// The bell as a waker; always the same, so that nobody has to take a new one.
    waker: Waker,
}

#[derive(Debug, Default)]
struct Bell {
    state: AtomicU8,
    task: AtomicWaker,
}

impl Default for Relay {
    fn default() -> Relay {
        let bell = Arc::new(Bell::default());
        Relay { waker: Waker::from(Arc::clone(&bell)), bell }
    }
}

impl Relay {
    /// Poll, and poll again when something happened meanwhile.
    pub(super) fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        self.bell.task.register(cx.waker());
        let mut inner = Context::from_waker(&self.waker);
        for _ in 0..TURNS {
            self.bell.state.store(HERE, Ordering::Release);
            if let Poll::Ready(it) = poll(&mut inner) {
                self.bell.state.store(AWAY, Ordering::Release);
                return Poll::Ready(it);
            }
            let left =
                self.bell.state.compare_exchange(HERE, AWAY, Ordering::AcqRel, Ordering::Acquire);
            if left.is_ok() {
                return Poll::Pending;
            }
        }
        // A connection that rings without end wants others to have their turn.
        self.bell.state.store(AWAY, Ordering::Release);
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Do something to the connection that a poll follows at once, whatever rings.
    pub(super) fn before_poll<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bell.state.store(HERE, Ordering::Release);
        act()
    }

    /// Nobody waits for anything from the connection any more. The next poll listens again.
    pub(super) fn rest(&self) {
        self.bell.state.store(DEAF, Ordering::Release);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Bell>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Bell>) {
        let heard = self.state.compare_exchange(HERE, RUNG, Ordering::AcqRel, Ordering::Acquire);
        if heard == Err(AWAY) {
            self.task.wake();
        }
    }
}

/// Nobody polls: a wake-up goes to the task.
const AWAY: u8 = 0;
/// The task polls.
const HERE: u8 = 1;
/// The task polls, and something happened since.
const RUNG: u8 = 2;
/// Nobody wants to know.
const DEAF: u8 = 3;
const TURNS: usize = 4;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Count>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn rings_through_only_when_nobody_is_there() {
        for (rings_inside, polled, woken) in [(0, 1, 0), (1, 2, 0), (2, 3, 0), (9, TURNS, 1)] {
            let (relay, count) = (Relay::default(), Arc::new(Count::default()));
            let task = Waker::from(Arc::clone(&count));
            let (mut turns, mut kept) = (0, None);
            let result: Poll<()> = relay.poll(&mut Context::from_waker(&task), |cx| {
                turns += 1;
                kept = Some(cx.waker().clone());
                if turns <= rings_inside {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            });
            assert!(result.is_pending());
            assert_eq!((turns, count.0.load(Ordering::Relaxed)), (polled, woken), "{rings_inside}");
            kept.unwrap().wake();
            assert_eq!(count.0.load(Ordering::Relaxed), woken + 1);
        }
    }

    #[test]
    fn is_still_between_two_uses() {
        let (relay, count) = (Relay::default(), Arc::new(Count::default()));
        let task = Waker::from(Arc::clone(&count));
        let mut cx = Context::from_waker(&task);
        let mut kept = None;
        let mut poll = |cx: &mut Context<'_>| -> Poll<()> {
            kept = Some(cx.waker().clone());
            Poll::Pending
        };
        assert!(relay.poll(&mut cx, &mut poll).is_pending());
        let bell = kept.clone().unwrap();
        relay.rest();
        bell.wake_by_ref();
        relay.before_poll(|| bell.wake_by_ref());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);

        assert!(relay.poll(&mut cx, |_| Poll::<()>::Pending).is_pending());
        bell.wake_by_ref();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn what_is_ready_is_not_asked_again() {
        let (relay, count) = (Relay::default(), Arc::new(Count::default()));
        let task = Waker::from(Arc::clone(&count));
        let result = relay.poll(&mut Context::from_waker(&task), |cx| {
            cx.waker().wake_by_ref();
            Poll::Ready(7)
        });
        assert_eq!(result, Poll::Ready(7));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }
}
