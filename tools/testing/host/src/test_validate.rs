// SPDX-License-Identifier: GPL-2.0

//! The checks before creation and change.

use crate::config::{
    validate,
    Attr,
    Errno,
    LinkAttr,
    Message,
    Place,
    PortRange,
    Request, //
};
use proptest::prelude::*;

/// Asserts that the request is refused, by what number and at what.
#[track_caller]
fn refused(
    address: Option<&[u8]>,
    mtu: Option<u32>,
    request: Option<&Request>,
    place: Place,
    errno: Errno,
) {
    let refusal = validate(address, mtu, request).expect_err("it passes");
    assert_eq!((refusal.place, refusal.errno), (place, errno));
    assert_ne!(refusal.msg, Message::Text(""));
}

#[track_caller]
fn attr_refused(request: &Request, attr: Attr, errno: Errno) {
    refused(None, None, Some(request), Place::Vxlan(attr), errno);
}

#[test]
fn an_empty_request_passes() {
    assert_eq!(validate(None, None, Some(&Request::default())), Ok(()));
}

#[test]
fn a_request_without_data_is_refused() {
    refused(None, None, None, Place::Request, Errno::Inval);
}

#[test]
fn the_address_has_six_octets() {
    let any = Request::default();
    let place = Place::Link(LinkAttr::Address);
    for octets in [&[][..], &[2; 5], &[2; 7], &[2; 20]] {
        refused(Some(octets), None, Some(&any), place, Errno::Inval);
    }
}

#[test]
fn the_address_is_unicast() {
    let any = Request::default();
    let place = Place::Link(LinkAttr::Address);
    for octets in [[0; 6], [1, 0, 0, 0, 0, 0], [0xff; 6]] {
        refused(Some(&octets), None, Some(&any), place, Errno::AddrNotAvail);
    }
    let own = [2, 0, 0, 0, 0, 1];
    assert_eq!(validate(Some(&own), None, Some(&any)), Ok(()));
}

#[test]
fn the_mtu_has_bounds() {
    let any = Request::default();
    for mtu in [0, 67, 65536, u32::MAX] {
        let place = Place::Link(LinkAttr::Mtu);
        refused(None, Some(mtu), Some(&any), place, Errno::Inval);
    }
    for mtu in [68, 1500, 65535] {
        assert_eq!(validate(None, Some(mtu), Some(&any)), Ok(()));
    }
}

#[test]
fn the_vni_has_24_bits() {
    let with = |id| Request {
        id: Some(id),
        ..Request::default()
    };
    for id in [0, 1, (1 << 24) - 1] {
        assert_eq!(validate(None, None, Some(&with(id))), Ok(()));
    }
    for id in [1 << 24, u32::MAX] {
        attr_refused(&with(id), Attr::Id, Errno::Range);
    }
}

#[test]
fn a_port_range_may_be_one_port() {
    for port in [0, 1, u16::MAX] {
        let request = Request {
            port_range: Some(PortRange {
                low: port,
                high: port,
            }),
            ..Request::default()
        };
        assert_eq!(validate(None, None, Some(&request)), Ok(()));
    }
}

#[test]
fn df_has_three_values() {
    for df in 0..=255 {
        let request = Request {
            df: Some(df),
            ..Request::default()
        };
        if df <= 2 {
            assert_eq!(validate(None, None, Some(&request)), Ok(()));
        } else {
            attr_refused(&request, Attr::Df, Errno::Inval);
        }
    }
}

#[test]
fn the_first_fault_in_the_stock_order_is_named() {
    let mut request = Request {
        id: Some(1 << 24),
        port_range: Some(PortRange { low: 2, high: 1 }),
        df: Some(3),
        ..Request::default()
    };
    let short = Some(&[2; 5][..]);
    let at = |attr| Place::Link(attr);
    refused(
        short,
        Some(1),
        Some(&request),
        at(LinkAttr::Address),
        Errno::Inval,
    );
    refused(None, Some(1), None, at(LinkAttr::Mtu), Errno::Inval);
    attr_refused(&request, Attr::Id, Errno::Range);
    request.id = None;
    attr_refused(&request, Attr::PortRange, Errno::Inval);
    request.port_range = None;
    attr_refused(&request, Attr::Df, Errno::Inval);
}

proptest! {
    #[test]
    fn a_port_range_ascends(low in any::<u16>(), high in any::<u16>()) {
        let request = Request {
            port_range: Some(PortRange { low, high }),
            ..Request::default()
        };
        prop_assert_eq!(validate(None, None, Some(&request)).is_ok(), low <= high);
    }

    #[test]
    fn no_address_and_mtu_panic(
        address in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20)),
        mtu in any::<Option<u32>>(),
    ) {
        let _ = validate(address.as_deref(), mtu, Some(&Request::default()));
    }
}
