//! The doorbell and the fence of the mailbox.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use inbox::{Inbox, Lane};

/// What the inbox is built of, here.
mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
    pub(super) use std::sync::PoisonError;
}

#[allow(dead_code)] // what is not modelled here
#[path = "../../src/mailbox/inbox.rs"]
mod inbox;

/// An inbox, and beside it what actors contribute: the door to the life that is reachable, and in
/// the mailbox of each life the bell that has not been heard yet.
struct House {
    inbox: Inbox<u32>,
    door: AtomicUsize,
    rung: [AtomicUsize; 2],
}

impl House {
    /// A house with its first life.
    fn new() -> Arc<Self> {
        let house = Self {
            inbox: Inbox::new(),
            door: AtomicUsize::new(0),
            rung: [AtomicUsize::new(0), AtomicUsize::new(0)],
        };
        assert_eq!(house.inbox.next_life(), 1);
        Arc::new(house)
    }

    fn knock(&self) {
        let door = self.door.load(Ordering::SeqCst);
        self.rung[door].fetch_add(1, Ordering::SeqCst);
    }

    /// What a caller does.
    fn put(&self, item: u32) {
        if self.inbox.put(item, Lane::Usual).unwrap() {
            self.knock();
        }
    }

    /// What a life does to be found.
    fn attach(&self, life: u64) {
        let door = usize::try_from(life).unwrap() - 1;
        let put_up = || self.door.store(door, Ordering::SeqCst);
        if self.inbox.while_served_by(life, put_up) {
            self.inbox.ring();
            self.knock();
        }
    }

    /// What a life does when it hears the bell, until it hears it no more.
    fn serve(&self, life: u64) -> Vec<u32> {
        let mut taken = Vec::new();
        let rung = usize::try_from(life).unwrap() - 1;
        while self.rung[rung].swap(0, Ordering::SeqCst) > 0 {
            self.inbox.hush();
            while let Some(item) = self.inbox.take(life, |_| false) {
                taken.push(item);
            }
        }
        taken
    }
}

#[test]
fn what_was_put_in_is_never_left_lying_with_the_bell_silent() {
    loom::model(|| {
        let house = House::new();
        let callers: Vec<_> = (0..2)
            .map(|item| {
                let house = Arc::clone(&house);
                thread::spawn(move || house.put(item))
            })
            .collect();
        let mut taken = house.serve(1);
        for caller in callers {
            caller.join().unwrap();
        }
        // Whatever is left by now, the bell tells of it.
        taken.extend(house.serve(1));
        taken.sort_unstable();
        assert_eq!(taken, [0, 1]);
    });
}

#[test]
fn a_life_that_was_replaced_takes_nothing_any_more() {
    loom::model(|| {
        let (house, old) = (House::new(), 1);
        house.inbox.put(0, Lane::Usual).unwrap();
        let elder = {
            let house = Arc::clone(&house);
            thread::spawn(move || house.inbox.take(old, |_| false))
        };
        let new = house.inbox.next_life();
        house.inbox.put(1, Lane::Usual).unwrap();
        let before = house.inbox.take(old, |_| false);
        assert_eq!(before, None, "the fence has been put up");
        let elders = elder.join().unwrap();
        assert_ne!(elders, Some(1), "put in after the fence");
        let heirs: Vec<u32> = std::iter::from_fn(|| house.inbox.take(new, |_| false)).collect();
        let expected = if elders.is_some() {
            vec![1]
        } else {
            vec![0, 1]
        };
        assert_eq!(heirs, expected, "in order, and everything once");
    });
}

#[test]
fn between_two_lives_nothing_is_lost() {
    loom::model(|| {
        let house = House::new();
        let caller = {
            let house = Arc::clone(&house);
            thread::spawn(move || house.put(7))
        };
        let elder = {
            let house = Arc::clone(&house);
            thread::spawn(move || house.serve(1))
        };
        assert_eq!(house.inbox.next_life(), 2);
        house.attach(2);
        let mut taken = house.serve(2);
        caller.join().unwrap();
        taken.extend(elder.join().unwrap());
        // Whatever is left by now, the bell tells the new life of it.
        taken.extend(house.serve(2));
        assert_eq!(taken, [7]);
    });
}

#[test]
fn what_is_put_into_a_closed_inbox_comes_back() {
    loom::model(|| {
        let house = House::new();
        let caller = {
            let house = Arc::clone(&house);
            thread::spawn(move || house.inbox.put(3, Lane::Usual).is_err())
        };
        let waiting = house.inbox.close();
        let came_back = caller.join().unwrap();
        assert_eq!(
            came_back,
            waiting.is_empty(),
            "answered once, by one of the two"
        );
        assert!(house.inbox.put(4, Lane::Urgent).is_err());
        house.inbox.open();
        assert!(house.inbox.put(5, Lane::Urgent).is_ok());
    });
}

#[test]
fn a_life_that_was_replaced_before_it_began_does_not_keep_the_next_from_being_found() {
    loom::model(|| {
        let house = House::new();
        let elder = {
            let house = Arc::clone(&house);
            thread::spawn(move || house.attach(1))
        };
        assert_eq!(house.inbox.next_life(), 2);
        house.attach(2);
        house.put(7);
        elder.join().unwrap();
        assert_eq!(house.serve(2), [7]);
    });
}
