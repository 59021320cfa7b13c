// SPDX-License-Identifier: GPL-2.0

//! Generic receive offload: packets of one flow and one VNI are merged before they are decapsulated.

#![forbid(unsafe_code)]

use crate::{
    net::gro::{
        Packet,
        Verdict, //
    },
    wire::vxlan::HEADER_LEN, //
};

/// Takes the VXLAN header off; packets whose headers differ in any bit are not merged.
pub(crate) fn receive(packet: &mut Packet<'_>) -> Verdict {
    match packet.take_header::<HEADER_LEN>() {
        Some(_) => Verdict::Ethernet,
        None => Verdict::Flush,
    }
}
