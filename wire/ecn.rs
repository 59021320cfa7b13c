// SPDX-License-Identifier: GPL-2.0

//! Explicit congestion notification through a tunnel, RFC 6040.
//!
//! The functions take whole DS fields (IPv4 type of service, IPv6 traffic class) and look at the
//! two low bits.

#![forbid(unsafe_code)]

/// The two ECN bits of a DS field.
const MASK: u8 = 0b11;

/// A value of the two bits (RFC 3168 section 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codepoint {
    NotEct,
    Ect1,
    Ect0,
    Ce,
}

impl Codepoint {
    const fn of(dsfield: u8) -> Self {
        match dsfield & MASK {
            0b00 => Self::NotEct,
            0b01 => Self::Ect1,
            0b10 => Self::Ect0,
            _ => Self::Ce,
        }
    }
}

/// What becomes of a decapsulated packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decapsulation {
    /// Passes as it is.
    Keep,
    /// Passes after its own codepoint is set to CE: the underlay was congested.
    SetCe,
    /// Passes after its own codepoint is set to ECT(1).
    SetEct1,
    /// Passes as it is, but the combination is not one that a sound sender makes: log it.
    Warn,
    /// Is dropped and logged: a congestion mark that the inner transport cannot be told of.
    Drop,
}

/// Decides by the outer and inner DS field, RFC 6040 section 4.2 as `INET_ECN_decapsulate` has it.
pub(crate) const fn decapsulate(outer: u8, inner: u8) -> Decapsulation {
    match (Codepoint::of(inner), Codepoint::of(outer)) {
        (Codepoint::NotEct, Codepoint::NotEct) => Decapsulation::Keep,
        (Codepoint::NotEct, Codepoint::Ect0 | Codepoint::Ect1) => Decapsulation::Warn,
        (Codepoint::NotEct, Codepoint::Ce) => Decapsulation::Drop,
        (Codepoint::Ce, _) => Decapsulation::Keep,
        (Codepoint::Ect0 | Codepoint::Ect1, Codepoint::Ce) => Decapsulation::SetCe,
        (Codepoint::Ect0, Codepoint::Ect1) => Decapsulation::SetEct1,
        (Codepoint::Ect0 | Codepoint::Ect1, _) => Decapsulation::Keep,
    }
}

/// Returns the outer DS field of an encapsulated packet: the DSCP of `tos` and the inner codepoint,
/// but ECT(0) for an inner CE (RFC 3168 section 9.1.1, as `INET_ECN_encapsulate` has it).
pub(crate) const fn encapsulate(tos: u8, inner: u8) -> u8 {
    let codepoint = match Codepoint::of(inner) {
        Codepoint::Ce => 0b10,
        _ => inner & MASK,
    };
    (tos & !MASK) | codepoint
}
