// SPDX-License-Identifier: GPL-2.0

//! Properties of the header parsers over all octets.

use crate::wire::{
    ethernet::{
        self,
        ethertype,
        MacAddr, //
    },
    ip::{
        dsfield,
        Addr,
        Summary,
        SUMMARY_LEN, //
    },
    vxlan::{
        self,
        Bits,
        Vni, //
    }, //
};
use proptest::prelude::*;

/// The header with one bit set, bit 0 being the first on the wire.
fn one_bit(bit: usize) -> [u8; vxlan::HEADER_LEN] {
    let mut octets = [0; vxlan::HEADER_LEN];
    octets[bit / 8] = 0x80 >> (bit % 8);
    octets
}

#[test]
fn each_header_bit_is_the_flag_the_vni_or_reserved() {
    let reserved = Bits::BASE.complement();
    for bit in 0..64 {
        let header = vxlan::Header::parse(one_bit(bit));
        // RFC 7348 section 5: I is the fifth bit, the VNI the first 24 of the second word.
        let is_flag = bit == 4;
        let is_vni = (32..56).contains(&bit);
        assert_eq!(header.has_vni(), is_flag, "bit {bit}");
        let vni = if is_vni { 1 << (55 - bit) } else { 0 };
        assert_eq!(header.vni().get(), vni, "bit {bit}");
        let flags = if bit < 32 { 1 << (31 - bit) } else { 0 };
        assert_eq!(header.flags(), flags, "bit {bit}");
        assert_eq!(header.sets_any(reserved), !is_flag && !is_vni, "bit {bit}");
    }
}

#[test]
fn remote_checksum_offload_uses_its_flag_and_the_last_octet() {
    // draft-herbert-vxlan-rco section 2: C is the bit 10, O and the start are the last octet.
    for bit in 0..64 {
        let used = Bits::from_octets(one_bit(bit)).intersects(Bits::REMOTE_CHECKSUM);
        assert_eq!(used, bit == 10 || bit >= 56, "bit {bit}");
    }
}

proptest! {
    #[test]
    fn a_vni_survives_the_wire(value in 0..1u32 << 24) {
        let vni = Vni::new(value).unwrap();
        let header = vxlan::Header::parse(vxlan::Header::for_vni(vni));
        prop_assert_eq!(header.vni(), vni);
        prop_assert_eq!(header.flags(), 1 << 27);
        prop_assert!(!header.sets_any(Bits::BASE.complement()));
    }

    #[test]
    fn a_vni_is_refused_above_24_bits(value in any::<u32>()) {
        prop_assert_eq!(Vni::new(value).map(Vni::get), Some(value).filter(|v| v >> 24 == 0));
    }

    #[test]
    fn any_octets_are_a_header(octets in any::<[u8; 8]>(), reserved in any::<[u8; 8]>()) {
        let header = vxlan::Header::parse(octets);
        prop_assert!(header.vni().get() < 1 << 24);
        prop_assert_eq!(header.has_vni(), octets[0] & 8 != 0);
        let overlap = octets.iter().zip(reserved).any(|(a, b)| a & b != 0);
        prop_assert_eq!(header.sets_any(Bits::from_octets(reserved)), overlap);
    }

    #[test]
    fn bits_are_sets(a in any::<[u8; 8]>(), b in any::<[u8; 8]>()) {
        let (a, b) = (Bits::from_octets(a), Bits::from_octets(b));
        prop_assert_eq!(Bits::from_octets(a.octets()), a);
        prop_assert_eq!(a.complement().complement(), a);
        prop_assert!(!a.intersects(a.complement()));
        prop_assert_eq!(a.intersects(b), b.intersects(a));
        prop_assert!(!a.union(b).complement().intersects(a));
    }

    #[test]
    fn an_ethernet_header_splits_without_loss(octets in any::<[u8; 14]>()) {
        let header = ethernet::Header::parse(octets);
        let mut again = [0; 14];
        again[..6].copy_from_slice(&header.destination.octets());
        again[6..12].copy_from_slice(&header.source.octets());
        again[12..].copy_from_slice(&header.ethertype.to_be_bytes());
        prop_assert_eq!(again, octets);
    }

    #[test]
    fn an_address_is_zero_group_or_valid(octets in any::<[u8; 6]>()) {
        let address = MacAddr::new(octets);
        let kinds = [address.is_zero(), address.is_multicast(), address.is_valid()];
        prop_assert_eq!(kinds.iter().filter(|k| **k).count(), 1);
        prop_assert_eq!(address.is_multicast(), octets[0] % 2 == 1);
        prop_assert_eq!(MacAddr::from_slice(&address.octets()), Some(address));
    }

    #[test]
    fn an_address_has_six_octets(octets in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(MacAddr::from_slice(&octets).is_some(), octets.len() == 6);
    }

    #[test]
    fn only_ip_has_a_summary(protocol in any::<u16>(), octets in any::<[u8; SUMMARY_LEN]>()) {
        let is_ip = [ethertype::IPV4, ethertype::IPV6].contains(&protocol);
        prop_assert_eq!(Summary::parse(protocol, octets).is_some(), is_ip);
        let summary = Summary::parse(protocol, octets);
        prop_assert_eq!(dsfield(protocol, [octets[0], octets[1]]), summary.map(|ip| ip.dsfield));
    }

    #[test]
    fn an_ipv4_summary_is_tos_df_and_ttl(octets in any::<[u8; SUMMARY_LEN]>()) {
        let dont_fragment = octets[6] & 0x40 != 0;
        let expected = Summary { dsfield: octets[1], ttl: octets[8], flow_label: 0, dont_fragment };
        prop_assert_eq!(Summary::parse(0x0800, octets), Some(expected));
    }

    /// RFC 8200 section 3: four bits of version, eight of class, twenty of label.
    #[test]
    fn an_ipv6_summary_is_class_label_and_hop_limit(
        version in 0..16u32, class in any::<u8>(), label in 0..1u32 << 20, rest in any::<[u8; 5]>()
    ) {
        let word = (version << 28) | (u32::from(class) << 20) | label;
        let mut octets = [0; SUMMARY_LEN];
        octets[..4].copy_from_slice(&word.to_be_bytes());
        octets[4..].copy_from_slice(&rest);
        let (ttl, flow_label, dont_fragment) = (rest[3], label, false);
        let expected = Summary { dsfield: class, ttl, flow_label, dont_fragment };
        prop_assert_eq!(Summary::parse(0x86dd, octets), Some(expected));
    }

    #[test]
    fn an_underlay_address_is_classified(octets in any::<[u8; 4]>()) {
        let reference = core::net::Ipv4Addr::from(octets);
        prop_assert_eq!(Addr::V4(octets).is_any(), reference.is_unspecified());
        prop_assert_eq!(Addr::V4(octets).is_multicast(), reference.is_multicast());
    }

    #[test]
    fn an_ipv6_underlay_address_is_classified(octets in any::<[u8; 16]>(), head in 0..4usize) {
        let mut octets = octets;
        // Chance alone would find few of these.
        let heads = [[octets[0], octets[1]], [0xfe, 0x80 | octets[1]], [0xff, octets[1]], [0xff, 2]];
        [octets[0], octets[1]] = heads[head];
        let reference = core::net::Ipv6Addr::from(octets);
        let addr = Addr::V6(octets);
        prop_assert_eq!(addr.is_any(), reference.is_unspecified());
        prop_assert_eq!(addr.is_multicast(), reference.is_multicast());
        let unicast = reference.segments()[0] & 0xffc0 == 0xfe80;
        prop_assert_eq!(addr.is_link_local_unicast(), unicast);
        let group = reference.segments()[0] & 0xff0f == 0xff02;
        prop_assert_eq!(addr.is_link_local(), unicast || group);
    }
}
