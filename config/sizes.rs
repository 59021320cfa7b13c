// SPDX-License-Identifier: GPL-2.0

//! The MTU and the headroom of a device.

#![forbid(unsafe_code)]

use super::{
    Config,
    Flags,
    Lower,
    MAX_MTU,
    MIN_MTU, //
};
use crate::wire::ip::Family;

/// The sizes that a device gets, `vxlan_config_apply`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// `net_device::mtu`.
    pub(crate) mtu: u32,
    /// `net_device::needed_headroom`.
    pub(crate) needed_headroom: u16,
}

impl Sizes {
    /// Computes the sizes of a device.
    ///
    /// `initial` is the MTU of a new device, `requested` what is asked for: `IFLA_MTU`, or the MTU
    /// before a change of the configuration. A device over a lower one takes all that fits in the
    /// lower MTU unless less is requested; one without keeps what it has.
    pub(crate) fn new(
        initial: u32,
        requested: Option<u32>,
        config: &Config,
        lower: Option<&Lower>,
    ) -> Self {
        /// The Ethernet header, where no lower device tells its own.
        const LINK_HEADER: u16 = 14;

        // In metadata mode packets may go over either family; the stock driver counts on IPv6 in the
        // headroom, but not in the MTU.
        let widest = if config.flags.has(Flags::COLLECT_METADATA) {
            Family::V6
        } else {
            config.family()
        };
        let headroom = config.headroom(widest);
        let Some(lower) = lower else {
            return Self {
                mtu: requested.unwrap_or(initial).min(MAX_MTU),
                needed_headroom: LINK_HEADER.saturating_add(headroom),
            };
        };
        let fits = largest_mtu(lower.mtu, config).max(MIN_MTU);
        Self {
            mtu: requested.unwrap_or(fits).min(fits),
            needed_headroom: lower
                .hard_header_len
                .saturating_add(lower.needed_headroom)
                .saturating_add(headroom),
        }
    }
}

/// Returns the largest MTU that encapsulates into packets of `lower_mtu` octets: the bound of
/// `ndo_change_mtu` (`vxlan_change_mtu`) over a lower device. It may be below [`MIN_MTU`].
pub(crate) fn largest_mtu(lower_mtu: u32, config: &Config) -> u32 {
    lower_mtu.saturating_sub(u32::from(config.headroom(config.family())))
}
