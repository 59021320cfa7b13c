// SPDX-License-Identifier: GPL-2.0

//! The configuration of a new device.

use crate::config::{
    Attr,
    Config,
    Df,
    Env,
    Errno,
    Flags,
    Invalid,
    LabelPolicy,
    Lower,
    Message,
    Place,
    PortRange,
    Request, //
};
use crate::wire::{
    ethernet::ethertype,
    ip::{
        Addr,
        Family,
        Summary, //
    },
    vxlan::{
        Bits,
        Vni, //
    }, //
};
use proptest::prelude::*;

const UNICAST: [u8; 4] = [192, 0, 2, 1];
const GROUP: [u8; 4] = [239, 1, 1, 1];
const GROUP6: [u8; 16] = [0xff, 0x0e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const LINK6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const DOCUMENTATION6: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

const ALONE: Env = Env {
    default_port: 8472,
    lower: None,
};

const OVER_ETHERNET: Env = Env {
    lower: Some(Lower {
        mtu: 1500,
        hard_header_len: 14,
        needed_headroom: 0,
        ipv6_disabled: false,
    }),
    ..ALONE
};

fn request(edit: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request::default();
    edit(&mut request);
    request
}

fn build(edit: impl FnOnce(&mut Request)) -> Result<Config, Invalid> {
    Config::build(&request(edit), &ALONE)
}

#[track_caller]
fn refused(edit: impl FnOnce(&mut Request), attr: Attr, errno: Errno, msg: &str) {
    let refusal = build(edit).expect_err("it passes");
    assert_eq!((refusal.place, refusal.errno), (Place::Vxlan(attr), errno));
    let text = match refusal.msg {
        Message::Text(text) => text.to_string(),
        Message::Overlap(used, reserved) => {
            String::from_utf8(Message::overlap(used, reserved).into()).unwrap()
        }
    };
    assert!(text.contains(msg), "{text}");
}

#[test]
fn an_empty_request_gives_the_stock_defaults() {
    let expected = Config {
        vni: Vni::ZERO,
        remote: Addr::V4([0; 4]),
        local: Addr::V4([0; 4]),
        ifindex: 0,
        port: 8472,
        source_ports: PortRange { low: 0, high: 0 },
        ttl: 0,
        tos: 0,
        label: 0,
        label_policy: LabelPolicy::Fixed,
        df: Df::Unset,
        flags: Flags::LEARN.with(Flags::LOCALBYPASS),
        age_interval: 300,
        limit: 0,
        reserved: Bits::from_octets([0xf7, 0xff, 0xff, 0xff, 0, 0, 0, 0xff]),
    };
    assert_eq!(build(|_| ()), Ok(expected));
}

#[test]
fn each_value_arrives() {
    let asked = request(|r| {
        r.id = Some(0xff_ffff);
        r.group = Some(GROUP);
        r.local = Some(UNICAST);
        r.link = Some(7);
        r.ttl = Some(64);
        r.ttl_inherit = true;
        r.tos = Some(0xb8);
        r.learning = Some(false);
        r.ageing = Some(20);
        r.limit = Some(1000);
        r.port_range = Some(PortRange { low: 1, high: 9 });
        r.port = Some(4789);
        r.udp_csum = Some(false);
        (r.udp_zero_csum6_tx, r.udp_zero_csum6_rx) = (Some(true), Some(true));
        (r.localbypass, r.mc_route) = (Some(false), Some(true));
        r.df = Some(2);
        r.reserved_bits = Some([0, 0, 0, 0, 0, 0, 0, 0xff]);
    });
    let expected = Config {
        vni: Vni::new(0xff_ffff).unwrap(),
        remote: Addr::V4(GROUP),
        local: Addr::V4(UNICAST),
        ifindex: 7,
        port: 4789,
        source_ports: PortRange { low: 1, high: 9 },
        ttl: 64,
        tos: 0xb8,
        label: 0,
        label_policy: LabelPolicy::Fixed,
        df: Df::Inherit,
        flags: Flags::TTL_INHERIT
            .with(Flags::UDP_ZERO_CSUM_TX)
            .with(Flags::UDP_ZERO_CSUM6_TX)
            .with(Flags::UDP_ZERO_CSUM6_RX)
            .with(Flags::MC_ROUTE),
        age_interval: 20,
        limit: 1000,
        reserved: Bits::from_octets([0, 0, 0, 0, 0, 0, 0, 0xff]),
    };
    assert_eq!(Config::build(&asked, &OVER_ETHERNET), Ok(expected));
}

#[test]
fn zero_stands_for_the_default_of_port_and_ageing() {
    let config = build(|r| {
        r.port = Some(0);
        r.ageing = Some(0);
    })
    .unwrap();
    assert_eq!((config.port, config.age_interval), (8472, 300));
    let env = Env {
        default_port: 4789,
        ..ALONE
    };
    assert_eq!(Config::build(&Request::default(), &env).unwrap().port, 4789);
}

#[test]
fn an_attribute_that_asks_for_nothing_passes() {
    let quiet = |r: &mut Request| {
        let no = Some(false);
        (r.proxy, r.rsc, r.l2miss, r.l3miss) = (no, no, no, no);
        (r.udp_zero_csum6_tx, r.udp_zero_csum6_rx) = (no, no);
        (r.collect_metadata, r.vnifilter, r.mc_route) = (no, no, no);
        r.remcsum_tx = no;
        (r.label, r.label_policy, r.df) = (Some(0), Some(0), Some(0));
        (r.learning, r.udp_csum) = (Some(true), Some(true));
        r.localbypass = Some(true);
    };
    assert_eq!(build(quiet), build(|_| ()));
}

#[test]
fn what_is_not_there_yet_is_refused_by_name() {
    let edit = |r: &mut Request| {
        r.collect_metadata = Some(true);
        r.vnifilter = Some(true);
    };
    refused(edit, Attr::VniFilter, Errno::OpNotSupp, "vnifilter");
}

#[test]
fn an_ipv4_address_hides_the_ipv6_one_beside_it() {
    let config = build(|r| {
        r.group6 = Some(DOCUMENTATION6);
        r.group = Some(UNICAST);
        r.local6 = Some(DOCUMENTATION6);
        r.local = Some(UNICAST);
    })
    .unwrap();
    assert_eq!(config.remote, Addr::V4(UNICAST));
    assert_eq!(config.local, Addr::V4(UNICAST));
}

#[test]
fn either_address_decides_the_family() {
    let six = Some(DOCUMENTATION6);
    let of_local = build(|r| r.local6 = six).unwrap();
    let of_remote = build(|r| r.group6 = six).unwrap();
    assert_eq!(of_local.remote, Family::V6.any());
    assert_eq!(of_remote.local, Family::V6.any());
    for config in [of_local, of_remote] {
        assert_eq!(config.family(), Family::V6);
        assert!(config.flags.has(Flags::IPV6));
    }
    let msg = "must be from the same family";
    let edit = |r: &mut Request| (r.group6, r.local) = (six, Some(UNICAST));
    refused(edit, Attr::Group6, Errno::Inval, msg);
    let edit = |r: &mut Request| (r.local6, r.group) = (six, Some(UNICAST));
    refused(edit, Attr::Local6, Errno::Inval, msg);
}

#[test]
fn link_local_addresses_go_together_and_need_a_link() {
    let scopes = "Invalid combination of local and remote address scopes";
    let (link, global) = (Some(LINK6), Some(DOCUMENTATION6));
    let edit = |r: &mut Request| (r.local6, r.group6) = (link, global);
    refused(edit, Attr::Local6, Errno::Inval, scopes);
    refused(|r| r.group6 = link, Attr::Group6, Errno::Inval, scopes);
    let alone = "required for link-local";
    refused(|r| r.local6 = link, Attr::Local6, Errno::Inval, alone);

    let over = request(|r| (r.local6, r.link) = (link, Some(7)));
    let config = Config::build(&over, &OVER_ETHERNET).unwrap();
    assert!(config.flags.has(Flags::IPV6_LINKLOCAL));
    assert_eq!(config.scope(), 7);
    // A group of link scope does for either kind of source.
    let mut group = LINK6;
    (group[0], group[1]) = (0xff, 0x02);
    for (local, scope) in [(link, 7), (global, 0), (None, 0)] {
        let over = request(|r| (r.local6, r.group6, r.link) = (local, Some(group), Some(7)));
        let config = Config::build(&over, &OVER_ETHERNET).unwrap();
        assert_eq!(config.scope(), scope);
    }
}

#[test]
fn an_ipv6_group_is_no_source_and_needs_a_link() {
    let edit = |r: &mut Request| r.local6 = Some(GROUP6);
    refused(
        edit,
        Attr::Local6,
        Errno::Inval,
        "Local address cannot be multicast",
    );
    let edit = |r: &mut Request| r.group6 = Some(GROUP6);
    refused(
        edit,
        Attr::Group6,
        Errno::Inval,
        "Local interface required for multicast",
    );
}

#[test]
fn ipv6_turned_off_on_the_lower_device_is_told() {
    let env = Env {
        lower: OVER_ETHERNET.lower.map(|lower| Lower {
            ipv6_disabled: true,
            ..lower
        }),
        ..ALONE
    };
    let asked = request(|r| (r.local6, r.link) = (Some(DOCUMENTATION6), Some(7)));
    let refusal = Config::build(&asked, &env).unwrap_err();
    assert_eq!(refusal.errno, Errno::Perm);
    let asked = request(|r| (r.local, r.link) = (Some(UNICAST), Some(7)));
    assert!(Config::build(&asked, &env).is_ok());
}

#[test]
fn the_flow_label_is_fixed_or_inherited() {
    let inner = Summary {
        flow_label: 0x12345,
        ..Summary::NOT_IP
    };
    let six = |r: &mut Request| r.local6 = Some(DOCUMENTATION6);
    let fixed = build(|r| {
        six(r);
        r.label = Some(0xfff0_00aa);
    });
    assert_eq!(fixed.unwrap().outer_label(|| inner), 0xaa);
    let inherited = build(|r| {
        six(r);
        (r.label, r.label_policy) = (Some(0xaa), Some(1));
    });
    assert_eq!(inherited.unwrap().outer_label(|| inner), 0x12345);
}

#[test]
fn the_df_flag_is_unset_set_or_inherited() {
    let df = |df, protocol, dont_fragment| {
        let config = build(|r| r.df = df).unwrap();
        let inner = Summary {
            dont_fragment,
            ..Summary::NOT_IP
        };
        config.outer_df(|| (protocol, inner))
    };
    for inner in [false, true] {
        for protocol in [ethertype::IPV4, ethertype::IPV6, 0x0806] {
            assert!(!df(None, protocol, inner) && !df(Some(0), protocol, inner));
            assert!(df(Some(1), protocol, inner));
        }
        assert_eq!(df(Some(2), ethertype::IPV4, inner), inner);
        assert!(df(Some(2), ethertype::IPV6, inner));
        assert!(!df(Some(2), 0x0806, inner));
    }
}

#[test]
fn a_vni_filter_needs_metadata_mode() {
    let msg = "only valid in collect metadata mode";
    let edit = |r: &mut Request| r.vnifilter = Some(true);
    refused(edit, Attr::VniFilter, Errno::Inval, msg);
}

#[test]
fn a_source_address_is_no_group() {
    let edit = |r: &mut Request| r.local = Some(GROUP);
    refused(edit, Attr::Local, Errno::Inval, "cannot be multicast");
}

#[test]
fn a_flow_label_is_for_ipv6() {
    for label in [1, 0xf_ffff, 0x10_0001] {
        let edit = |r: &mut Request| r.label = Some(label);
        refused(edit, Attr::Label, Errno::Inval, "only applies to IPv6");
    }
    // The bits beyond twenty are no part of a label.
    assert!(build(|r| r.label = Some(0xfff0_0000)).is_ok());
    let edit = |r: &mut Request| r.label_policy = Some(1);
    refused(
        edit,
        Attr::LabelPolicy,
        Errno::Inval,
        "only applies to IPv6",
    );
}

#[test]
fn the_lower_device_must_exist() {
    let msg = "device not found";
    refused(|r| r.link = Some(9), Attr::Link, Errno::NoDev, msg);
    assert_eq!(build(|r| r.link = Some(0)).unwrap().ifindex, 0);
    let over = request(|r| r.link = Some(9));
    assert_eq!(Config::build(&over, &OVER_ETHERNET).unwrap().ifindex, 9);
}

#[test]
fn a_group_needs_a_lower_device() {
    let msg = "Local interface required";
    refused(|r| r.group = Some(GROUP), Attr::Group, Errno::Inval, msg);
    assert!(build(|r| r.group = Some(UNICAST)).is_ok());
    let over = request(|r| (r.group, r.link) = (Some(GROUP), Some(9)));
    assert!(Config::build(&over, &OVER_ETHERNET).is_ok());
}

#[test]
fn used_bits_cannot_be_reserved() {
    let msg = "Used bits 0x08000000ffffff00 cannot overlap reserved bits 0x0000000000000100";
    let one = |r: &mut Request| r.reserved_bits = Some([0, 0, 0, 0, 0, 0, 1, 0]);
    refused(one, Attr::ReservedBits, Errno::Inval, msg);
    let msg = "cannot overlap";
    let attr = Attr::ReservedBits;
    for (octet, mask) in [(0, 0x08), (4, 0x80), (5, 0x01), (6, 0x01)] {
        let mut bits = [0; 8];
        bits[octet] = mask;
        refused(|r| r.reserved_bits = Some(bits), attr, Errno::Inval, msg);
    }
}

#[test]
fn the_mere_presence_of_remcsum_rx_frees_its_bits() {
    let freed = build(|r| r.remcsum_rx = Some(false)).unwrap().reserved;
    assert_eq!(freed.octets(), [0xf7, 0xdf, 0xff, 0xff, 0, 0, 0, 0]);
}

#[test]
fn the_first_fault_in_the_stock_order_is_named() {
    let mut asked = request(|r| {
        r.reserved_bits = Some([0xff; 8]);
        r.vnifilter = Some(true);
        r.local = Some(GROUP);
        r.label = Some(1);
        r.link = Some(3);
    });
    let at = |r: &Request| Config::build(r, &ALONE).unwrap_err().place;
    assert_eq!(at(&asked), Place::Vxlan(Attr::ReservedBits));
    asked.reserved_bits = None;
    assert_eq!(at(&asked), Place::Vxlan(Attr::VniFilter));
    asked.vnifilter = None;
    assert_eq!(at(&asked), Place::Vxlan(Attr::Local));
    asked.local = None;
    assert_eq!(at(&asked), Place::Vxlan(Attr::Label));
    asked.label = None;
    assert_eq!(at(&asked), Place::Vxlan(Attr::Link));
}

#[test]
fn the_attributes_have_the_numbers_of_the_header() {
    // The order of `enum` in <linux/if_link.h>, from IFLA_VXLAN_ID on.
    #[rustfmt::skip]
    let in_order = [
        Attr::Id, Attr::Group, Attr::Link, Attr::Local, Attr::Ttl, Attr::Tos, Attr::Learning,
        Attr::Ageing, Attr::Limit, Attr::PortRange, Attr::Proxy, Attr::Rsc, Attr::L2Miss,
        Attr::L3Miss, Attr::Port, Attr::Group6, Attr::Local6, Attr::UdpCsum, Attr::UdpZeroCsum6Tx,
        Attr::UdpZeroCsum6Rx, Attr::RemcsumTx, Attr::RemcsumRx, Attr::Gbp, Attr::RemcsumNopartial,
        Attr::CollectMetadata, Attr::Label, Attr::Gpe, Attr::TtlInherit, Attr::Df, Attr::VniFilter,
        Attr::LocalBypass, Attr::LabelPolicy, Attr::ReservedBits, Attr::McRoute,
    ];
    for (attr, number) in in_order.into_iter().zip(1..) {
        assert_eq!(attr as u16, number, "{attr:?}");
    }
}

#[test]
fn the_outer_ttl_is_configured_inherited_or_left_to_the_route() {
    let (unicast, group) = (Addr::V4(UNICAST), Addr::V4(GROUP));
    let inner = || Summary {
        ttl: 9,
        ..Summary::NOT_IP
    };
    let unset = build(|_| ()).unwrap();
    assert_eq!(unset.outer_ttl(inner, unicast), 0);
    assert_eq!(unset.outer_ttl(inner, group), 1);
    let fixed = build(|r| r.ttl = Some(64)).unwrap();
    assert_eq!(fixed.outer_ttl(inner, unicast), 64);
    assert_eq!(fixed.outer_ttl(inner, group), 64);
    let inherited = build(|r| r.ttl_inherit = true).unwrap();
    assert_eq!(inherited.outer_ttl(inner, unicast), 9);
    assert_eq!(inherited.outer_ttl(inner, group), 9);
}

proptest! {
    #[test]
    fn tos_1_inherits_and_no_other(tos in any::<u8>(), inner in any::<u8>()) {
        let config = build(|r| r.tos = Some(tos)).unwrap();
        let expected = if tos == 1 { inner } else { tos };
        prop_assert_eq!(config.outer_tos(inner), expected);
    }

    /// Whatever passes is a configuration that the data path can rely on.
    #[test]
    fn what_passes_holds_the_invariants(
        id in any::<Option<u32>>(), group in any::<Option<[u8; 4]>>(),
        local in any::<Option<[u8; 4]>>(), link in any::<Option<u32>>(),
        ageing in any::<Option<u32>>(), port in any::<Option<u16>>(),
        bits in any::<Option<[u8; 8]>>(), remcsum_rx in any::<Option<bool>>(),
        default_port in 1..=u16::MAX, exists in any::<bool>(),
    ) {
        let asked = request(|r| {
            (r.id, r.group, r.local, r.link) = (id, group, local, link);
            (r.ageing, r.port) = (ageing, port);
            (r.reserved_bits, r.remcsum_rx) = (bits, remcsum_rx);
        });
        let lower = OVER_ETHERNET.lower.filter(|_| exists);
        if let Ok(config) = Config::build(&asked, &Env { default_port, lower }) {
            prop_assert!(config.port != 0 && config.age_interval != 0);
            prop_assert!(!config.local.is_multicast());
            prop_assert!(config.ifindex == 0 || exists);
            prop_assert!(config.ifindex != 0 || !config.remote.is_multicast());
            prop_assert!(!config.reserved.intersects(Bits::BASE));
            prop_assert_eq!(config.headroom(Family::V4), 50);
            prop_assert_eq!(config.headroom(Family::V6), 70);
        }
    }
}
