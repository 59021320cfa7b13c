// SPDX-License-Identifier: GPL-2.0

//! ECN against tables written down from the RFCs.

use crate::wire::ecn::{
    decapsulate,
    encapsulate,
    Decapsulation::{
        self,
        Drop,
        Keep,
        SetCe,
        SetEct1,
        Warn, //
    }, //
};
use proptest::prelude::*;

// RFC 3168 section 5, figure 1.
const NOT_ECT: u8 = 0b00;
const ECT_1: u8 = 0b01;
const ECT_0: u8 = 0b10;
const CE: u8 = 0b11;

/// RFC 6040 figure 4, a row for each inner codepoint, a column for each outer one. The figure gives
/// the resulting codepoint; here it is what has to be done. Where the figure only hints at an
/// alarm, Linux logs for a packet that is not ECT within one that is.
const FIGURE_4: [(u8, [(u8, Decapsulation); 4]); 4] = [
    (
        NOT_ECT,
        [(NOT_ECT, Keep), (ECT_0, Warn), (ECT_1, Warn), (CE, Drop)],
    ),
    (
        ECT_0,
        [
            (NOT_ECT, Keep),
            (ECT_0, Keep),
            (ECT_1, SetEct1),
            (CE, SetCe),
        ],
    ),
    (
        ECT_1,
        [(NOT_ECT, Keep), (ECT_0, Keep), (ECT_1, Keep), (CE, SetCe)],
    ),
    (
        CE,
        [(NOT_ECT, Keep), (ECT_0, Keep), (ECT_1, Keep), (CE, Keep)],
    ),
];

/// The outer codepoint for each inner one, RFC 3168 section 9.1.1, full functionality.
const ENCAPSULATED: [(u8, u8); 4] = [
    (NOT_ECT, NOT_ECT),
    (ECT_0, ECT_0),
    (ECT_1, ECT_1),
    (CE, ECT_0),
];

#[test]
fn decapsulation_is_figure_4_whatever_the_dscp() {
    let mut seen = 0;
    for (inner, row) in FIGURE_4 {
        for (outer, expected) in row {
            for dscp in 0..64 {
                let dscp: u8 = dscp << 2;
                assert_eq!(decapsulate(outer | dscp, inner), expected);
                assert_eq!(decapsulate(outer, inner | dscp), expected);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 16);
}

#[test]
fn encapsulation_copies_all_but_congestion() {
    for (inner, outer) in ENCAPSULATED {
        for tos in 0..=255 {
            assert_eq!(encapsulate(tos, inner), (tos & 0xfc) | outer);
        }
    }
}

proptest! {
    /// A packet that crosses an underlay which marks nothing leaves the tunnel as it entered.
    #[test]
    fn an_unmarked_packet_comes_out_unchanged(tos in any::<u8>(), inner in any::<u8>()) {
        prop_assert_eq!(decapsulate(encapsulate(tos, inner), inner), Keep);
    }

    /// A mark is never lost: the packet carries it on, had it before, or is dropped.
    #[test]
    fn a_mark_is_never_lost(dscp in any::<u8>(), inner in any::<u8>()) {
        let expected = match inner & 0b11 {
            NOT_ECT => Drop,
            CE => Keep,
            _ => SetCe,
        };
        prop_assert_eq!(decapsulate(dscp | CE, inner), expected);
    }

    #[test]
    fn the_inner_dscp_does_not_reach_the_outer(tos in any::<u8>(), inner in any::<u8>()) {
        prop_assert_eq!(encapsulate(tos, inner), encapsulate(tos, inner & 0b11));
        prop_assert_eq!(encapsulate(tos, inner) >> 2, tos >> 2);
    }
}
