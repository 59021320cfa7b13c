// SPDX-License-Identifier: GPL-2.0

//! Putting packets together, and the Internet checksum.

// It is private to `wire`, so it is compiled here once more.
#[path = "../../../../../wire/octets.rs"]
mod wire;

use super::input::Input;

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let cut = usize::from(input.u8());
    let octets = input.rest();
    let (first, second) = octets.split_at((cut & !1).min(octets.len() & !1));
    summed(first, second);
    put_together(first, second);
}

/// RFC 1071: the sum is the same however it is split, and with itself appended it is zero.
fn summed(first: &[u8], second: &[u8]) {
    let whole = [first, second].concat();
    let sum = wire::checksum(&[first, second]);
    assert_eq!(wire::checksum(&[&whole]), sum);
    assert_eq!(sum, plain_sum(&whole));
    if whole.len() % 2 == 0 {
        let with_sum = [&whole[..], &sum.to_be_bytes()].concat();
        assert_eq!(wire::checksum(&[&with_sum]), 0);
    }
}

/// The sum in a wide word, folded once at the end.
fn plain_sum(octets: &[u8]) -> u16 {
    let mut sum = 0u64;
    for (i, octet) in octets.iter().enumerate() {
        sum += u64::from(*octet) << if i % 2 == 0 { 8 } else { 0 };
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn put_together(first: &[u8], second: &[u8]) {
    let whole: [u8; 24] = wire::concat(&[first, second]);
    let mut plain = [first, second].concat();
    plain.resize(24, 0);
    assert_eq!(whole[..], plain[..]);
}
