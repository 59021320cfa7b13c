// SPDX-License-Identifier: GPL-2.0

//! Generic receive offload: packets of one flow and one VNI are merged before they are decapsulated.

#![forbid(unsafe_code)]

use crate::{
    net::gro::{
        Packet,
        Verdict, //
    },
    wire::{
        gpe,
        rco,
        vxlan::Header, //
    }, //
};

/// Takes the VXLAN header off; packets whose headers differ in any bit are not merged.
pub(crate) fn receive(packet: &mut Packet<'_>) -> Verdict {
    match take_header(packet) {
        Some(_) => Verdict::Ethernet,
        None => Verdict::Flush,
    }
}

/// The same, where the header may leave a checksum to us.
pub(crate) fn receive_checksum(packet: &mut Packet<'_>, partial: bool) -> Verdict {
    let Some(header) = take_header(packet) else {
        return Verdict::Flush;
    };
    let completed = match rco::Checksum::parse(header) {
        Some(left) => packet.complete_checksum(left.start(), left.field(), partial),
        None => Ok(()),
    };
    match completed {
        Ok(()) => Verdict::Ethernet,
        Err(_) => Verdict::Flush,
    }
}

/// The same, where the header says what follows.
pub(crate) fn receive_protocol(packet: &mut Packet<'_>) -> Verdict {
    match take_header(packet).and_then(gpe::parse) {
        Some(protocol) => Verdict::Protocol(protocol),
        None => Verdict::Flush,
    }
}

fn take_header(packet: &mut Packet<'_>) -> Option<Header> {
    packet.take_header().map(Header::parse)
}
