// SPDX-License-Identifier: GPL-2.0

//! MTU and headroom over any lower device, in numbers that cannot overflow.

use super::{
    input::Input,
    request, //
};
use crate::config::{
    largest_mtu,
    validate,
    Config,
    Flags,
    Lower,
    Sizes, //
};

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let env = request::env(&mut input);
    let (initial, wanted) = (input.u32(), input.u32());
    let kind = input.u8();
    // A device has an MTU within these bounds, and a request for one has passed `validate`.
    let initial = 68 + (initial >> (kind & 0x1f)) % (65535 - 67);
    let wanted = 68 + (wanted >> (kind & 0x1f)) % (65535 - 67);
    let requested = (kind & 0x80 != 0).then_some(wanted);
    let asked = request::request(&mut input);
    if validate(None, None, Some(&asked)).is_err() {
        return;
    }
    let Ok(config) = Config::build(&asked, &env) else {
        return;
    };
    let sizes = Sizes::new(initial, requested, &config, env.lower.as_ref());
    let (for_mtu, for_headroom) = overhead(&config);
    match env.lower {
        None => {
            assert_eq!(sizes.mtu, requested.unwrap_or(initial));
            assert_eq!(u64::from(sizes.needed_headroom), 14 + for_headroom);
        }
        Some(lower) => {
            over(&lower, sizes, requested, for_mtu);
            let below = u64::from(lower.hard_header_len) + u64::from(lower.needed_headroom);
            let headroom = (below + for_headroom).min(0xffff);
            assert_eq!(u64::from(sizes.needed_headroom), headroom);
            let largest = u64::from(lower.mtu).saturating_sub(for_mtu);
            assert_eq!(u64::from(largest_mtu(lower.mtu, &config)), largest);
        }
    }
}

/// Outer IP, UDP and VXLAN headers and the inner Ethernet header: what counts for the MTU, and what
/// for the headroom, which in metadata mode is that of IPv6.
fn overhead(config: &Config) -> (u64, u64) {
    let frame = if config.flags.has(Flags::GPE) { 16 } else { 30 };
    let v6 = config.flags.has(Flags::IPV6);
    let metadata = config.flags.has(Flags::COLLECT_METADATA);
    let ip = |six| if six { 40 } else { 20 };
    (frame + ip(v6), frame + ip(v6 || metadata))
}

fn over(lower: &Lower, sizes: Sizes, requested: Option<u32>, overhead: u64) {
    let mtu = u64::from(sizes.mtu);
    let fits = mtu + overhead <= u64::from(lower.mtu);
    assert!(mtu >= 68);
    assert!(fits || mtu == 68, "a full packet does not fit below");
    match requested {
        Some(requested) if sizes.mtu != requested => {
            assert!(sizes.mtu < requested);
            // No more is taken away than has to be.
            assert!(mtu == 68 || mtu + overhead == u64::from(lower.mtu));
        }
        Some(_) => (),
        None => assert!(mtu == 68 || mtu + overhead == u64::from(lower.mtu)),
    }
}
