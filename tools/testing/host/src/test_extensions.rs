// SPDX-License-Identifier: GPL-2.0

//! Properties of the header extensions, ARP and neighbour discovery over all octets.

use crate::wire::{
    arp,
    ethernet::MacAddr,
    gbp,
    gpe,
    nd,
    rco,
    vxlan::{
        Header,
        Vni,
        HEADER_LEN, //
    }, //
};
use proptest::{
    array::uniform32,
    collection::vec,
    prelude::*, //
};

/// A frame's octets from the network header on: what ARP and neighbour discovery read.
fn packet() -> impl Strategy<Value = [u8; nd::SOLICITATION_LEN]> {
    (
        uniform32(any::<u8>()),
        uniform32(any::<u8>()),
        any::<bool>(),
    )
        .prop_map(|(a, b, likely)| {
            let mut octets = [0; nd::SOLICITATION_LEN];
            octets[..32].copy_from_slice(&a);
            octets[32..].copy_from_slice(&b);
            if likely {
                octets[6] = 58;
                octets[40..42].copy_from_slice(&[135, 0]);
            }
            octets
        })
}

/// Options, most of them with lengths that fit.
fn options() -> impl Strategy<Value = Vec<u8>> {
    let option = (0..4u8, 0..3u8, vec(any::<u8>(), 0..24)).prop_map(|(kind, units, body)| {
        let mut option = vec![kind, units];
        option.extend(body);
        option.resize(usize::from(units.max(1)) * nd::OPTION_LEN, 0);
        option
    });
    (vec(option, 0..6), 0..24usize).prop_map(|(options, cut)| {
        let mut all = options.concat();
        all.truncate(all.len().saturating_sub(cut));
        all
    })
}

/// The same walk as a reader of RFC 4861 would write it, with slices that panic.
fn expected(options: &[u8]) -> Result<Option<[u8; 6]>, nd::Malformed> {
    match options {
        [] | [_] => Ok(None),
        [_, 0, ..] => Err(nd::Malformed),
        [_, units, ..] if usize::from(*units) * 8 > options.len() => Err(nd::Malformed),
        [1, ..] => Ok(Some(options[2..8].try_into().unwrap())),
        [_, units, ..] => expected(&options[usize::from(*units) * 8..]),
    }
}

proptest! {
    #[test]
    fn options_end_where_the_message_ends(
        options in prop_oneof![options(), vec(any::<u8>(), 0..80)],
    ) {
        let found = nd::source_address(options.len(), |at| {
            assert!(at + 2 <= options.len(), "read at {at} of {}", options.len());
            options.get(at..at + nd::OPTION_LEN)?.try_into().ok()
        });
        prop_assert_eq!(found.map(|found| found.map(MacAddr::octets)), expected(&options));
    }

    #[test]
    fn a_walk_advances_whatever_is_read(len in any::<usize>(), octets in any::<[u8; 8]>()) {
        let reads = core::cell::Cell::new(0usize);
        let _ = nd::source_address(len.min(1 << 16), |_| {
            reads.set(reads.get() + 1);
            Some(octets)
        });
        prop_assert!(reads.get() <= (1 << 16) / nd::OPTION_LEN + 1);
    }

    #[test]
    fn a_solicitation_is_answered_to_its_sender(
        octets in packet(), to in any::<[u8; 6]>(), owner in any::<[u8; 6]>(), router in any::<bool>(),
    ) {
        let Some(message) = nd::Solicitation::parse(octets) else {
            prop_assert!(octets[6] != 58 || octets[40] != 135 || octets[41] != 0);
            return Ok(());
        };
        let frame = message.advertisement(MacAddr::new(to), MacAddr::new(owner), router);
        prop_assert_eq!(&frame[..6], &to);
        prop_assert_eq!(&frame[6..12], &owner);
        prop_assert_eq!(&frame[22..38], &octets[48..64]);
        prop_assert_eq!(&frame[38..54], &octets[8..24]);
        prop_assert_eq!(frame[58] & 0x80 != 0, router);
        if let Some(target) = message.target() {
            prop_assert_eq!(&target, &octets[48..64]);
            prop_assert!(target[0] != 0xff);
        }
    }

    #[test]
    fn an_arp_request_is_answered_to_its_sender(
        octets in any::<[u8; arp::LEN - 8]>(), owner in any::<[u8; 6]>(), hardware in 0..8u8,
    ) {
        let mut packet = [0; arp::LEN];
        packet[..8].copy_from_slice(&[0, hardware, 8, 0, 6, 4, 0, 1]);
        packet[8..].copy_from_slice(&octets);
        let Some(request) = arp::Request::parse(packet) else {
            prop_assert!(hardware != 1 && hardware != 6 || packet[24] == 127 || packet[24] >> 4 == 14);
            return Ok(());
        };
        let frame = request.reply(MacAddr::new(owner));
        prop_assert_eq!(&frame[..6], &packet[8..14]);
        prop_assert_eq!(&frame[6..12], &owner);
        prop_assert_eq!(&frame[14..22], &[0, 1, 8, 0, 6, 4, 0, 2]);
        prop_assert_eq!(&frame[22..28], &owner);
        prop_assert_eq!(&frame[28..32], &packet[24..28]);
        prop_assert_eq!(&frame[32..42], &packet[8..18]);
        prop_assert_eq!(request.target_ip(), [packet[24], packet[25], packet[26], packet[27]]);
    }

    #[test]
    fn any_octets_are_an_arp_packet_or_none(octets in any::<[u8; arp::LEN]>()) {
        let is_request = octets[..8] == [0, octets[1], 8, 0, 6, 4, 0, 1];
        prop_assert!(is_request || arp::Request::parse(octets).is_none());
    }

    #[test]
    fn a_policy_comes_back(mark in any::<u32>(), vni in any::<u32>()) {
        let plain = Header::for_vni(Vni::truncate(vni));
        match gbp::Policy::from_mark(mark) {
            None => prop_assert_eq!(mark, 0),
            Some(policy) => {
                let header = Header::parse(policy.put(plain));
                prop_assert_eq!(header.vni(), Vni::truncate(vni));
                prop_assert!(header.has_vni());
                let read = gbp::Policy::parse(header);
                prop_assert_eq!(read.map(gbp::Policy::mark), Some(mark & 0x0048_ffff));
            }
        }
        prop_assert_eq!(gbp::Policy::parse(Header::parse(plain)), None);
    }

    #[test]
    fn a_protocol_comes_back(protocol in any::<u16>(), octets in any::<[u8; HEADER_LEN]>()) {
        let plain = Header::for_vni(Vni::truncate(u32::from(protocol)));
        if let Some(header) = gpe::put(protocol, plain).map(Header::parse) {
            prop_assert_eq!(gpe::parse(header), Some(protocol));
            prop_assert_eq!(header.vni().get(), u32::from(protocol));
        }
        if let Some(protocol) = gpe::parse(Header::parse(octets)) {
            prop_assert!(gpe::put(protocol, plain).is_some());
        }
    }

    #[test]
    fn a_remote_checksum_comes_back(
        start in prop_oneof![0..600u32, any::<u32>()],
        offset in prop_oneof![Just(6u16), Just(16u16), any::<u16>()],
        octets in any::<[u8; HEADER_LEN]>(),
    ) {
        let plain = Header::for_vni(Vni::ZERO);
        let sayable = start <= 254 && start % 2 == 0 && (offset == 6 || offset == 16);
        match rco::Checksum::new(start, offset) {
            None => prop_assert!(!sayable),
            Some(sum) => {
                prop_assert!(sayable);
                prop_assert_eq!(u32::from(sum.start()), start);
                prop_assert_eq!(u32::from(sum.field()), start + u32::from(offset));
                prop_assert_eq!(rco::Checksum::parse(Header::parse(sum.put(plain))), Some(sum));
            }
        }
        if let Some(sum) = rco::Checksum::parse(Header::parse(octets)) {
            prop_assert!(sum.start() <= 254 && sum.field() <= 270 && sum.start() < sum.field());
        }
    }
}
