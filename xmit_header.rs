// SPDX-License-Identifier: GPL-2.0

//! Transmit: headers that say more than the VNI.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    net::skb::SkBuff,
    wire::{
        ethernet::ethertype,
        gbp,
        gpe,
        rco,
        vxlan, //
    }, //
};
use kernel::prelude::*;

/// Puts a VXLAN header with the extensions of the configuration in front of the frame. There is room
/// for it. `policy` is the group policy, as a mark; `checksum` asks for the outer UDP checksum.
///
/// Fails with EPFNOSUPPORT if the packet is of a protocol that has no number.
#[inline(never)]
pub(crate) fn push_extended(
    skb: &mut SkBuff,
    config: &Config,
    vni: vxlan::Vni,
    policy: u32,
    checksum: bool,
) -> Result {
    let mut header = vxlan::Header::for_vni(vni);
    let left = left_checksum(skb, config);
    let payload = match left {
        Some(_) => skb.start_udp_encapsulation_remcsum(checksum)?,
        None => skb.start_udp_encapsulation(checksum)?,
    };
    if let Some(left) = left {
        header = left.put(header);
    }
    if let Some(policy) = gbp::Policy::from_mark(policy) {
        header = policy.put(header);
    }
    let protocol = match config.flags.has(Flags::GPE) {
        true => skb.ethertype(),
        false => ethertype::TEB,
    };
    if config.flags.has(Flags::GPE) {
        header = gpe::put(protocol, header).ok_or(EPFNOSUPPORT)?;
    }
    skb.push(header)?;
    if left.is_some() {
        skb.leave_checksum();
    }
    skb.finish_udp_encapsulation(payload, protocol);
    Ok(())
}

/// Returns the checksum that is left to the receiver: one that is still to be computed, and that the
/// header has words for.
fn left_checksum(skb: &SkBuff, config: &Config) -> Option<rco::Checksum> {
    if !config.flags.has(Flags::REMCSUM_TX) {
        return None;
    }
    let (start, offset) = skb.partial_checksum()?;
    rco::Checksum::new(start, offset)
}
