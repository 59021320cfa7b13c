// SPDX-License-Identifier: GPL-2.0

//! The VTEPs that the entries of a table point at: one of each, however many entries share it, and one
//! route cache with it.

#![forbid(unsafe_code)]

use crate::{
    fdb::Target,
    net::{
        dst::DstCache,
        lock::SpinLockBh, //
    }, //
};
use kernel::{
    alloc::flags::GFP_ATOMIC,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    static_lock_class,
    sync::{
        lock::Lock,
        Arc, //
    }, //
};

/// A remote VTEP.
pub(crate) struct Vtep {
    pub(crate) target: Target,
    /// The route to it.
    pub(crate) cache: DstCache,
}

impl Vtep {
    /// Makes a VTEP that no entry points at, and that keeps no route.
    pub(crate) fn passing(target: Target) -> Self {
        let cache = DstCache::none();
        Self { target, cache }
    }
}

/// A VTEP and the number of entries that point at it.
struct Shared {
    vtep: Arc<Vtep>,
    users: u32,
}

/// All of them, by target.
///
/// An entry's remote holds the VTEP too, so that readers may use one that is listed no more.
#[pin_data]
pub(crate) struct Vteps {
    /// Taken within the lock of the forwarding table.
    #[pin]
    listed: SpinLockBh<RBTree<Target, Shared>>,
}

impl Vteps {
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            listed <- Lock::new(RBTree::new(), c"vxlan::Vteps", static_lock_class!()),
        })
    }

    /// Returns the VTEP of a target if any entry points at it.
    pub(crate) fn find(&self, target: &Target) -> Option<Arc<Vtep>> {
        self.listed
            .lock()
            .get(target)
            .map(|shared| shared.vtep.clone())
    }

    /// Returns the VTEP of a target for an entry to point at.
    pub(crate) fn claim(&self, target: &Target) -> Result<Claim<'_>> {
        let vtep = self.acquire(target)?;
        Ok(Claim {
            vteps: self,
            vtep,
            kept: false,
        })
    }

    fn acquire(&self, target: &Target) -> Result<Arc<Vtep>> {
        let mut listed = self.listed.lock();
        if let Some(shared) = listed.get_mut(target) {
            shared.users = shared.users.checked_add(1).ok_or(EOVERFLOW)?;
            return Ok(shared.vtep.clone());
        }
        let cache = DstCache::new();
        let target = *target;
        let vtep = Arc::new(Vtep { target, cache }, GFP_ATOMIC)?;
        let shared = Shared {
            vtep: vtep.clone(),
            users: 1,
        };
        listed.insert(RBTreeNode::new(target, shared, GFP_ATOMIC)?);
        Ok(vtep)
    }

    /// Says that an entry does not point at the VTEP any more.
    pub(crate) fn release(&self, vtep: &Vtep) {
        let mut listed = self.listed.lock();
        let Some(shared) = listed.get_mut(&vtep.target) else {
            return;
        };
        shared.users = shared.users.saturating_sub(1);
        if shared.users == 0 {
            drop(listed.remove_node(&vtep.target));
        }
    }

    /// Forgets all routes: what they depend on has changed. The lock is taken anew every so often.
    pub(crate) fn forget_routes(&self) {
        const SLICE: usize = 256;
        let mut from = Some(Target::FIRST);
        while let Some(start) = from.take() {
            let mut listed = self.listed.lock();
            let mut at = listed.cursor_lower_bound_mut(&start);
            let mut left = SLICE;
            while let Some(cursor) = at {
                let (target, shared) = cursor.current();
                if left == 0 {
                    from = Some(*target);
                    break;
                }
                shared.vtep.cache.reset();
                left = left.wrapping_sub(1);
                at = cursor.move_next();
            }
        }
    }
}

/// A VTEP for an entry to point at. Unless that comes about, dropping the claim gives the VTEP back.
pub(crate) struct Claim<'a> {
    vteps: &'a Vteps,
    vtep: Arc<Vtep>,
    kept: bool,
}

impl Claim<'_> {
    pub(crate) fn vtep(&self) -> &Arc<Vtep> {
        &self.vtep
    }

    /// An entry points at the VTEP now, until [`Vteps::release`].
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if !self.kept {
            self.vteps.release(&self.vtep);
        }
    }
}
