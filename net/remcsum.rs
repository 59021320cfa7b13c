// SPDX-License-Identifier: GPL-2.0

//! Remote checksum offload: a transport checksum that the sender leaves to the receiver.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::{
    bindings,
    encapsulate::UdpPayload,
    skb::{
        DropReason,
        SkBuff, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

impl SkBuff {
    /// Does what the sender left: the sum from `start` on, in octets behind the data pointer, goes to
    /// the two octets at `field`. With `partial` the stack is told to, without the octets are written.
    ///
    /// Does nothing if GRO has done it.
    pub(crate) fn complete_checksum(
        &mut self,
        start: u16,
        field: u16,
        partial: bool,
    ) -> Result<(), DropReason> {
        // SAFETY: The packet is valid by the invariants of its type.
        if unsafe { bindings::shim_remcsum_done(self.as_ptr()) } {
            return Ok(());
        }
        let end = u32::from(field).wrapping_add(2).max(u32::from(start));
        self.may_pull(end)?;
        if !partial {
            // Others may look at the packet, too: they see it as it came.
            self.make_writable(end).map_err(|_| DropReason::NOMEM)?;
        }
        // SAFETY: The packet is valid; the octets up to the start and those of the field are in its
        // linear part, and private to it if they are written.
        unsafe {
            bindings::shim_remcsum_process(
                self.as_ptr(),
                u32::from(start),
                u32::from(field),
                !partial,
            );
        }
        Ok(())
    }

    /// Makes the first `len` octets private to this packet.
    fn make_writable(&mut self, len: u32) -> Result {
        // SAFETY: The packet is valid by the invariants of its type.
        to_result(unsafe { bindings::skb_ensure_writable(self.as_ptr(), len) })
    }

    /// Returns where the sum of a checksum that is not computed yet starts, in octets behind the data
    /// pointer, and how far behind that its field is. None if there is none.
    pub(crate) fn partial_checksum(&self) -> Option<(u32, u16)> {
        let (mut start, mut offset) = (0, 0);
        // SAFETY: The packet is valid by the invariants of its type, the numbers are valid for writes.
        let partial =
            unsafe { bindings::shim_csum_partial(self.as_ptr(), &mut start, &mut offset) };
        let start = u32::try_from(start).ok()?;
        partial.then_some((start, offset))
    }

    /// As [`SkBuff::start_udp_encapsulation`], for a packet whose checksum is left to the receiver.
    pub(crate) fn start_udp_encapsulation_remcsum(&mut self, csum: bool) -> Result<UdpPayload> {
        let mut double = false;
        // SAFETY: The packet is valid by the invariants of its type.
        to_result(unsafe {
            bindings::shim_udp_encap_start_remcsum(self.as_ptr(), csum, &mut double)
        })?;
        Ok(UdpPayload::new(double))
    }

    /// Has nobody below compute the checksum that is left to the receiver. A packet that is still to
    /// be segmented keeps it until then.
    pub(crate) fn leave_checksum(&mut self) {
        // SAFETY: The packet is valid by the invariants of its type.
        unsafe {
            if !bindings::shim_skb_is_gso(self.as_ptr()) {
                bindings::shim_skb_no_checksum(self.as_ptr());
            }
        }
    }
}
