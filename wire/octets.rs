// SPDX-License-Identifier: GPL-2.0

//! Putting packets together, and their Internet checksum (RFC 1071).

#![forbid(unsafe_code)]

/// Returns the parts one after another. Room that is left is zero, what does not fit is left out.
pub(crate) fn concat<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut whole = [0; N];
    let octets = parts.iter().flat_map(|part| part.iter());
    for (slot, octet) in whole.iter_mut().zip(octets) {
        *slot = *octet;
    }
    whole
}

/// Returns the Internet checksum over the octets of `parts`, each of which has an even number.
pub(crate) fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let word = match *pair {
            [high, low] => u16::from_be_bytes([high, low]),
            [high] => u16::from_be_bytes([high, 0]),
            _ => 0,
        };
        sum = sum.wrapping_add(u32::from(word));
        // Adding the carry at once keeps the sum below 2^17.
        sum = (sum & 0xffff).wrapping_add(sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_the_rfc() {
        // RFC 1071 section 3: the sum of these is ddf2.
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        let (a, b) = octets.split_at(4);
        assert_eq!(checksum(&[&octets]), !0xddf2);
        assert_eq!(checksum(&[a, b]), !0xddf2);
        assert_eq!(checksum(&[&[0xff; 64]]), 0);
        assert_eq!(checksum(&[]), 0xffff);
    }

    #[test]
    fn parts_are_put_together() {
        assert_eq!(concat::<5>(&[&[1, 2], &[], &[3]]), [1, 2, 3, 0, 0]);
        assert_eq!(concat::<2>(&[&[1, 2], &[3]]), [1, 2]);
    }
}
