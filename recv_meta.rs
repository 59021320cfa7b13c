// SPDX-License-Identifier: GPL-2.0

//! Receive, where the options of the device or the VXLAN header make it more than taking a frame out.

#![forbid(unsafe_code)]

use crate::{
    config::{
        Config,
        Flags, //
    },
    net::{
        metadata,
        skb::{
            DropReason,
            SkBuff, //
        }, //
    },
    recv::{
        Content,
        OUTER_LEN, //
    },
    wire::{
        gbp,
        gpe,
        ip::Family,
        rco,
        vxlan::Header, //
    }, //
};

/// Takes the outer headers off, and does what the VXLAN header asks for. `crosses` tells that the inner
/// packet is of another namespace.
#[inline(never)]
pub(crate) fn open(
    family: Family,
    config: &Config,
    skb: &mut SkBuff,
    header: Header,
    crosses: bool,
) -> Result<Content, DropReason> {
    let content = match config.flags.has(Flags::GPE) {
        true => {
            let protocol = gpe::parse(header).ok_or(DropReason::NOT_SPECIFIED)?;
            skb.pull_raw_tunnel_header(OUTER_LEN, protocol, crosses)
                .map_err(|_| DropReason::NOMEM)?;
            Content::Packet
        }
        false => {
            skb.pull_tunnel_header(OUTER_LEN, crosses)
                .map_err(|_| DropReason::NOMEM)?;
            Content::Frame
        }
    };
    if config.flags.has(Flags::REMCSUM_RX) {
        if let Some(left) = rco::Checksum::parse(header) {
            let partial = !config.flags.has(Flags::REMCSUM_NOPARTIAL);
            skb.complete_checksum(left.start(), left.field(), partial)?;
        }
    }
    let policy = match config.flags.has(Flags::GBP) {
        true => gbp::Policy::parse(header).map(gbp::Policy::mark),
        false => None,
    };
    if config.flags.has(Flags::COLLECT_METADATA) || metadata::is_wanted() {
        skb.set_received_by(family, header.vni().get(), policy)
            .map_err(|_| DropReason::NOMEM)?;
    }
    // A device in metadata mode has the policy there.
    if let Some(policy) = policy.filter(|_| !config.flags.has(Flags::COLLECT_METADATA)) {
        skb.set_mark(policy);
    }
    Ok(content)
}
