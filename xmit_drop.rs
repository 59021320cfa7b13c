// SPDX-License-Identifier: GPL-2.0

//! Transmit: packets that are not sent, and what counts them.

#![forbid(unsafe_code)]

use crate::{
    device::Device,
    net::{
        device::{
            NetDev,
            Stat, //
        },
        rcu::Softirq,
        skb::{
            DropReason,
            SkBuff, //
        }, //
    }, //
};
use kernel::prelude::*;

/// A packet that is not sent, and what counts it.
pub(crate) enum TxDrop {
    /// It has nowhere to go.
    Dropped(DropReason),
    /// No member of a nexthop group can take it: counted, but no event of tracing (as stock's
    /// `vxlan_xmit_nh`).
    NoMember,
    /// It could not be sent: an error, which may be of a kind of its own.
    Error(DropReason, Option<Stat>),
}

impl From<DropReason> for TxDrop {
    fn from(reason: DropReason) -> Self {
        Self::Dropped(reason)
    }
}

impl TxDrop {
    pub(crate) fn error(reason: DropReason) -> Self {
        Self::Error(reason, None)
    }

    /// The route could not be found, or leads back to the device.
    pub(crate) fn no_route(error: Error) -> Self {
        let kind = if error == ELOOP {
            Some(Stat::Collisions)
        } else if error == ENETUNREACH {
            Some(Stat::TxCarrierErrors)
        } else {
            None
        };
        Self::Error(DropReason::IP_OUTNOROUTES, kind)
    }

    /// Counts and drops the packet.
    pub(crate) fn account(self, dev: &NetDev<Device>, skb: SkBuff, softirq: &Softirq<'_>) {
        match self {
            Self::Dropped(reason) => {
                dev.count_tx_dropped(softirq);
                skb.drop_with(reason);
            }
            Self::NoMember => {
                dev.count_tx_dropped(softirq);
                skb.consume();
            }
            Self::Error(reason, kind) => {
                if let Some(kind) = kind {
                    dev.count(kind);
                }
                dev.count(Stat::TxErrors);
                skb.drop_with(reason);
            }
        }
    }
}
