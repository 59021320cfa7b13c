// SPDX-License-Identifier: GPL-2.0

//! The change of a configuration.

use crate::config::{
    Attr,
    Config,
    Env,
    Errno,
    Flags,
    Invalid,
    LinkAttr,
    Lower,
    Message,
    Place,
    PortRange,
    Request, //
};
use crate::wire::{
    ip::Addr,
    vxlan::Bits, //
};
use proptest::prelude::*;

const REMOTE: [u8; 4] = [192, 0, 2, 2];
const GROUP: [u8; 4] = [239, 1, 1, 1];
const LINK6: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const SIX: [u8; 16] = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

const ENV: Env = Env {
    default_port: 8472,
    lower: Some(Lower {
        mtu: 1500,
        hard_header_len: 14,
        needed_headroom: 0,
        ipv6_disabled: false,
    }),
};

fn request(edit: impl FnOnce(&mut Request)) -> Request {
    let mut request = Request::default();
    edit(&mut request);
    request
}

/// A device with nothing at its default that a change may touch.
fn device() -> Config {
    let made = request(|r| {
        (r.id, r.group, r.local) = (Some(7), Some(REMOTE), Some([192, 0, 2, 1]));
        (r.link, r.port) = (Some(3), Some(4789));
        (r.ttl, r.tos, r.df) = (Some(9), Some(8), Some(1));
        (r.ageing, r.limit) = (Some(30), Some(40));
        (r.learning, r.localbypass) = (Some(false), Some(false));
    });
    Config::build(&made, &ENV).unwrap()
}

fn change(edit: impl FnOnce(&mut Request)) -> Result<Config, Invalid> {
    device().change(&request(edit), None, &ENV)
}

#[track_caller]
fn refused(edit: impl FnOnce(&mut Request), attr: Attr, text: &str) {
    let refusal = change(edit).expect_err("it passes");
    assert_eq!(refusal.place, Place::Vxlan(attr));
    assert_eq!(refusal.errno, Errno::OpNotSupp);
    assert_eq!(refusal.msg, Message::Text(Box::leak(text.into())));
}

#[test]
fn what_is_not_given_stays() {
    assert_eq!(change(|_| ()), Ok(device()));
    // The VNI may be given, if it is the same.
    assert_eq!(change(|r| r.id = Some(7)), Ok(device()));
}

#[test]
fn what_may_change_does() {
    let new = change(|r| {
        (r.group, r.local, r.link) = (Some(GROUP), Some(REMOTE), Some(4));
        (r.ttl, r.tos, r.df) = (Some(0), Some(1), Some(2));
        (r.learning, r.localbypass, r.mc_route) = (Some(true), Some(true), Some(true));
        r.ageing = Some(0);
    })
    .unwrap();
    let old = device();
    assert_eq!((new.remote, new.local), (Addr::V4(GROUP), Addr::V4(REMOTE)));
    assert_eq!((new.ifindex, new.ttl, new.tos), (4, 0, 1));
    assert!(new.outer_df(|| (0x86dd, crate::wire::ip::Summary::NOT_IP)));
    assert_eq!(new.age_interval, 300);
    let on = Flags::LEARN.with(Flags::LOCALBYPASS).with(Flags::MC_ROUTE);
    assert_eq!(new.flags, old.flags.with(on));
    assert_eq!(
        (new.vni, new.port, new.limit),
        (old.vni, old.port, old.limit)
    );
}

#[test]
fn what_is_fixed_is_refused_by_name() {
    refused(|r| r.id = Some(8), Attr::Id, "Cannot change VNI");
    let group = "New group address family does not match old group";
    refused(|r| r.group6 = Some(SIX), Attr::Group6, group);
    let local = "New local address family does not match old";
    refused(|r| r.local6 = Some(SIX), Attr::Local6, local);
    refused(|r| r.limit = Some(40), Attr::Limit, "Cannot change limit");
    let range = Some(PortRange::default());
    refused(
        |r| r.port_range = range,
        Attr::PortRange,
        "Cannot change port range",
    );
    refused(|r| r.port = Some(4789), Attr::Port, "Cannot change port");
    let yes = Some(true);
    refused(
        |r| r.udp_csum = yes,
        Attr::UdpCsum,
        "Cannot change UDP_CSUM flag",
    );
    let bits = "Cannot change reserved_bits";
    refused(|r| r.reserved_bits = Some([0; 8]), Attr::ReservedBits, bits);
    let flags: [(fn(&mut Request), Attr, &str); 14] = [
        (|r| r.ttl_inherit = true, Attr::TtlInherit, "TTL_INHERIT "),
        (|r| r.proxy = Some(false), Attr::Proxy, "PROXY "),
        (|r| r.rsc = Some(false), Attr::Rsc, "RSC "),
        (|r| r.l2miss = Some(false), Attr::L2Miss, "L2MISS "),
        (|r| r.l3miss = Some(false), Attr::L3Miss, "L3MISS "),
        (
            |r| r.collect_metadata = Some(false),
            Attr::CollectMetadata,
            "COLLECT_METADATA ",
        ),
        (
            |r| r.udp_zero_csum6_tx = Some(false),
            Attr::UdpZeroCsum6Tx,
            "UDP_ZERO_CSUM6_TX ",
        ),
        (
            |r| r.udp_zero_csum6_rx = Some(false),
            Attr::UdpZeroCsum6Rx,
            "UDP_ZERO_CSUM6_RX ",
        ),
        (
            |r| r.remcsum_tx = Some(false),
            Attr::RemcsumTx,
            "REMCSUM_TX ",
        ),
        (
            |r| r.remcsum_rx = Some(false),
            Attr::RemcsumRx,
            "REMCSUM_RX ",
        ),
        (|r| r.gbp = true, Attr::Gbp, "GBP "),
        (|r| r.gpe = true, Attr::Gpe, "GPE "),
        (
            |r| r.remcsum_nopartial = true,
            Attr::RemcsumNopartial,
            "REMCSUM_NOPARTIAL ",
        ),
        (|r| r.vnifilter = Some(false), Attr::VniFilter, ""),
    ];
    for (edit, attr, name) in flags {
        refused(edit, attr, &format!("vxlan: cannot change {name}flag"));
    }
}

#[test]
fn the_mtu_is_not_changed_along() {
    let refusal = device().change(&request(|_| ()), Some(1400), &ENV);
    let refusal = refusal.unwrap_err();
    assert_eq!(refusal.place, Place::Link(LinkAttr::Mtu));
    assert_eq!(refusal.errno, Errno::OpNotSupp);
    // Stock looks at it after the attributes of the kind, but for the VNI filter.
    let both = request(|r| (r.limit, r.vnifilter) = (Some(1), Some(false)));
    let refusal = device().change(&both, Some(1400), &ENV).unwrap_err();
    assert_eq!(refusal.place, Place::Vxlan(Attr::Limit));
    let both = request(|r| r.vnifilter = Some(false));
    let refusal = device().change(&both, Some(1400), &ENV).unwrap_err();
    assert_eq!(refusal.place, Place::Link(LinkAttr::Mtu));
}

#[test]
fn the_rules_of_a_new_device_hold_for_a_change() {
    let fault =
        |edit: fn(&mut Request), env: &Env| device().change(&request(edit), None, env).unwrap_err();
    let gone = Env { lower: None, ..ENV };
    assert_eq!(fault(|_| (), &gone).errno, Errno::NoDev);
    let group = fault(|r| r.local = Some(GROUP), &ENV);
    assert_eq!(
        (group.errno, group.place),
        (Errno::Inval, Place::Vxlan(Attr::Local))
    );
    let label = fault(|r| r.label = Some(5), &ENV);
    assert_eq!(label.place, Place::Vxlan(Attr::Label));
    let alone = fault(|r| (r.group, r.link) = (Some(GROUP), Some(0)), &gone);
    assert_eq!(alone.place, Place::Vxlan(Attr::Group));
}

/// Found by the fuzzer: the refusal named what the device had been made with, or nothing that was there.
#[test]
fn a_refusal_names_what_the_change_asks_for() {
    let place = |made: fn(&mut Request), asked: fn(&mut Request)| {
        let old = Config::build(&request(made), &ENV).unwrap();
        let refusal = old.change(&request(asked), None, &ENV).unwrap_err();
        assert_eq!(refusal.errno, Errno::Inval);
        refusal.place
    };
    let gpe = |r: &mut Request| {
        (r.gpe, r.collect_metadata, r.learning) = (true, Some(true), Some(false));
    };
    let learns = place(gpe, |r| r.learning = Some(true));
    assert_eq!(learns, Place::Vxlan(Attr::Learning));

    let on_link = |r: &mut Request| (r.local6, r.link) = (Some(LINK6), Some(3));
    let remote = place(on_link, |r| r.group6 = Some(SIX));
    assert_eq!(remote, Place::Vxlan(Attr::Group6));
    let local = place(|r| r.group6 = Some(SIX), |r| r.local6 = Some(LINK6));
    assert_eq!(local, Place::Vxlan(Attr::Local6));
    let to_link =
        |r: &mut Request| (r.local6, r.group6, r.link) = (Some(LINK6), Some(LINK6), Some(3));
    let local = place(to_link, |r| r.local6 = Some(SIX));
    assert_eq!(local, Place::Vxlan(Attr::Local6));

    let alone = place(on_link, |r| r.link = Some(0));
    assert_eq!(alone, Place::Vxlan(Attr::Link));
    let group = |r: &mut Request| (r.group, r.link) = (Some(GROUP), Some(3));
    let alone = place(group, |r| r.link = Some(0));
    assert_eq!(alone, Place::Vxlan(Attr::Link));
}

#[test]
fn a_device_is_not_taken_off_its_lower_one() {
    assert_eq!(change(|r| r.link = Some(0)).unwrap().ifindex, 3);
}

#[test]
fn a_change_ends_the_use_of_reserved_bits() {
    let made = request(|r| r.reserved_bits = Some([0; 8]));
    let old = Config::build(&made, &ENV).unwrap();
    let new = old.change(&request(|_| ()), None, &ENV).unwrap();
    assert_eq!(new.reserved, Bits::BASE.complement());
}

proptest! {
    #[test]
    fn a_change_that_passes_keeps_what_is_fixed(
        group in any::<Option<[u8; 4]>>(), local in any::<Option<[u8; 4]>>(),
        link in any::<Option<u32>>(), ageing in any::<Option<u32>>(), exists in any::<bool>(),
    ) {
        let asked = request(|r| (r.group, r.local, r.link, r.ageing) = (group, local, link, ageing));
        let lower = ENV.lower.filter(|_| exists);
        let old = device();
        if let Ok(new) = old.change(&asked, None, &Env { lower, ..ENV }) {
            prop_assert_eq!(new.family(), old.family());
            prop_assert_eq!((new.vni, new.port), (old.vni, old.port));
            prop_assert!(new.ifindex != 0 && new.age_interval != 0);
            prop_assert!(!new.local.is_multicast());
        }
    }
}
