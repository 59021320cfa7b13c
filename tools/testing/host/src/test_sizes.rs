// SPDX-License-Identifier: GPL-2.0

//! MTU and headroom.

use crate::config::{
    largest_mtu,
    Config,
    Env,
    Lower,
    Request,
    Sizes, //
};
use proptest::prelude::*;

const ETHERNET: Lower = Lower {
    mtu: 1500,
    hard_header_len: 14,
    needed_headroom: 0,
    ipv6_disabled: false,
};

/// The lowest and the highest MTU of a device.
const MIN_MTU: u32 = 68;
const MAX_MTU: u32 = 65535;

fn config(local6: Option<[u8; 16]>) -> Config {
    let request = Request {
        local6,
        ..Request::default()
    };
    let env = Env {
        default_port: 4789,
        lower: None,
    };
    Config::build(&request, &env).unwrap()
}

/// Over IPv4: 50 octets of headers.
fn v4() -> Config {
    config(None)
}

/// Over IPv6: 70 octets of headers.
fn v6() -> Config {
    config(Some([0x20; 16]))
}

fn mtu_over(lower_mtu: u32, requested: Option<u32>) -> u32 {
    let lower = Lower {
        mtu: lower_mtu,
        ..ETHERNET
    };
    Sizes::new(1500, requested, &v4(), Some(&lower)).mtu
}

#[test]
fn without_a_lower_device_the_mtu_stays() {
    let sizes = Sizes::new(1500, None, &v4(), None);
    assert_eq!((sizes.mtu, sizes.needed_headroom), (1500, 64));
    assert_eq!(Sizes::new(1500, Some(9000), &v4(), None).mtu, 9000);
    assert_eq!(Sizes::new(1500, Some(65535), &v4(), None).mtu, 65535);
}

#[test]
fn over_a_lower_device_the_mtu_is_what_fits() {
    assert_eq!(mtu_over(1500, None), 1450);
    assert_eq!(mtu_over(9000, None), 8950);
}

#[test]
fn a_request_may_only_lower_it() {
    assert_eq!(mtu_over(1500, Some(1400)), 1400);
    assert_eq!(mtu_over(1500, Some(1450)), 1450);
    assert_eq!(mtu_over(1500, Some(1451)), 1450);
    assert_eq!(mtu_over(1500, Some(9000)), 1450);
}

#[test]
fn a_tiny_lower_mtu_leaves_the_minimum() {
    for lower in [0, 1, 49, 50, 68, 117, 118] {
        assert_eq!(mtu_over(lower, None), 68);
    }
    assert_eq!(mtu_over(119, None), 69);
}

#[test]
fn the_headroom_adds_up() {
    let lower = Lower {
        mtu: 1500,
        hard_header_len: 18,
        needed_headroom: 50,
        ipv6_disabled: false,
    };
    for (config, headroom) in [(v4(), 118), (v6(), 138)] {
        let sizes = Sizes::new(1500, None, &config, Some(&lower));
        assert_eq!(sizes.needed_headroom, headroom);
    }
}

#[test]
fn the_largest_mtu_of_a_change_has_no_lower_bound() {
    for (lower, largest) in [(1500, 1450), (60, 10), (50, 0), (0, 0)] {
        assert_eq!(largest_mtu(lower, &v4()), largest);
    }
    for (lower, largest) in [(1500, 1430), (71, 1), (70, 0), (50, 0)] {
        assert_eq!(largest_mtu(lower, &v6()), largest);
    }
}

proptest! {
    #[test]
    fn sizes_are_in_bounds_for_any_lower_device(
        mtu in any::<u32>(), hard_header_len in any::<u16>(), needed_headroom in any::<u16>(),
        six in any::<bool>(), requested in proptest::option::of(MIN_MTU..=MAX_MTU),
    ) {
        let lower = Lower { mtu, hard_header_len, needed_headroom, ipv6_disabled: false };
        let (config, headroom) = if six { (v6(), 70) } else { (v4(), 50) };
        let sizes = Sizes::new(1500, requested, &config, Some(&lower));
        prop_assert!(sizes.mtu >= MIN_MTU);
        prop_assert!(requested.is_none_or(|r| sizes.mtu <= r));
        // Unless the minimum is more, an encapsulated packet fits.
        prop_assert!(sizes.mtu == MIN_MTU || sizes.mtu + headroom <= mtu);
        prop_assert!(u32::from(sizes.needed_headroom) >= headroom);
    }
}
