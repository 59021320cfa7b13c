// SPDX-License-Identifier: GPL-2.0

//! MTU and headroom.

use crate::config::{
    largest_mtu,
    Lower,
    Sizes,
    MAX_MTU,
    MIN_MTU, //
};
use crate::wire::vxlan::HEADROOM_V4;
use proptest::prelude::*;

const ETHERNET: Lower = Lower {
    mtu: 1500,
    hard_header_len: 14,
    needed_headroom: 0,
};

fn mtu_over(lower_mtu: u32, requested: Option<u32>) -> u32 {
    let lower = Lower {
        mtu: lower_mtu,
        ..ETHERNET
    };
    Sizes::new(1500, requested, HEADROOM_V4, Some(&lower)).mtu
}

#[test]
fn without_a_lower_device_the_mtu_stays() {
    let sizes = Sizes::new(1500, None, HEADROOM_V4, None);
    assert_eq!((sizes.mtu, sizes.needed_headroom), (1500, 64));
    assert_eq!(Sizes::new(1500, Some(9000), HEADROOM_V4, None).mtu, 9000);
    assert_eq!(Sizes::new(1500, Some(65535), HEADROOM_V4, None).mtu, 65535);
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
    };
    let sizes = Sizes::new(1500, None, HEADROOM_V4, Some(&lower));
    assert_eq!(sizes.needed_headroom, 118);
}

#[test]
fn the_largest_mtu_of_a_change_has_no_lower_bound() {
    assert_eq!(largest_mtu(1500, 50), 1450);
    assert_eq!(largest_mtu(60, 50), 10);
    assert_eq!(largest_mtu(50, 50), 0);
    assert_eq!(largest_mtu(0, 50), 0);
}

proptest! {
    #[test]
    fn sizes_are_in_bounds_for_any_lower_device(
        mtu in any::<u32>(), hard_header_len in any::<u16>(), needed_headroom in any::<u16>(),
        headroom in any::<u16>(), requested in proptest::option::of(MIN_MTU..=MAX_MTU),
    ) {
        let lower = Lower { mtu, hard_header_len, needed_headroom };
        let sizes = Sizes::new(1500, requested, headroom, Some(&lower));
        prop_assert!(sizes.mtu >= MIN_MTU);
        prop_assert!(requested.is_none_or(|r| sizes.mtu <= r));
        // Unless the minimum is more, an encapsulated packet fits.
        prop_assert!(sizes.mtu == MIN_MTU || sizes.mtu + u32::from(headroom) <= mtu);
        prop_assert!(sizes.needed_headroom >= headroom);
    }
}
