// SPDX-License-Identifier: GPL-2.0

//! A device and a few changes of it.

use super::{
    device,
    input::Input,
    request, //
};
use crate::config::{
    validate,
    Config,
    Env,
    Errno,
    Request, //
};
use crate::wire::vxlan::Bits;

/// More do not lead anywhere else.
const MOST_CHANGES: usize = 4;

/// A device: the request that makes one like it, and what it is.
struct Device {
    made: Request,
    config: Config,
}

pub(crate) fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let env = request::env(&mut input);
    let made = request::request(&mut input);
    if validate(None, None, Some(&made)).is_err() {
        return;
    }
    let Ok(config) = Config::build(&made, &env) else {
        return;
    };
    nothing(&config, &env);
    let mut device = Device { made, config };
    for _ in 0..MOST_CHANGES {
        if input.is_empty() {
            return;
        }
        let mask = if input.bool() {
            request::CHANGEABLE
        } else {
            u64::MAX
        };
        let asked = request::request_of(&mut input, mask);
        let env = Env {
            default_port: env.default_port,
            ..request::env(&mut input)
        };
        let mtu = (input.u8() > 250).then_some(1400);
        if validate(None, mtu, Some(&asked)).is_ok() {
            device = change(device, asked, mtu, &env);
        }
    }
}

/// A change that asks for nothing leaves all as it was, but for the bits that stock's would, too.
fn nothing(old: &Config, env: &Env) {
    let new = old.change(&Request::default(), None, env);
    assert_eq!(new, Ok(changed(old, old.ifindex)));
}

/// What a change leaves of a configuration, whatever it asks for.
fn changed(config: &Config, ifindex: u32) -> Config {
    Config {
        ifindex,
        reserved: Bits::BASE.complement(),
        ..config.clone()
    }
}

/// Returns the device after the change, be it accepted or refused.
fn change(old: Device, asked: Request, mtu: Option<u32>, env: &Env) -> Device {
    let result = old.config.change(&asked, mtu, env);
    if device::expected_fixed(&old.config, &asked) || mtu.is_some() {
        let refusal = result.expect_err("this is fixed");
        assert_eq!(refusal.errno, Errno::OpNotSupp);
        device::assert_explained(&refusal, &asked);
        return old;
    }
    // All else is as if the device were made anew with what is asked for.
    let made = merged(&old.made, &asked);
    let anew = Config::build(&made, env);
    let config = match (result, anew) {
        (Ok(new), Ok(anew)) => {
            // No lower device is no change of it.
            let ifindex = match anew.ifindex {
                0 => old.config.ifindex,
                ifindex => ifindex,
            };
            assert_eq!(new, changed(&anew, ifindex));
            new
        }
        (Err(refusal), Err(anew)) => {
            assert_eq!((refusal.errno, refusal.msg), (anew.errno, anew.msg));
            // A lower device that is gone, or has no IPv6 any more, need not be named in a change.
            if !matches!(refusal.errno, Errno::NoDev | Errno::Perm) {
                device::assert_explained(&refusal, &asked);
            }
            return old;
        }
        (result, anew) => panic!("changed: {result:?}, made anew: {anew:?}"),
    };
    device::assert_sound(&config, env, asked.link != Some(0));
    // Asked again, it is as it is.
    assert_eq!(config.change(&asked, None, env).as_ref(), Ok(&config));
    let link = Some(config.ifindex);
    let made = Request { link, ..made };
    Device { made, config }
}

/// The request for a device as it is after a change of one that was made by `made`.
fn merged(made: &Request, asked: &Request) -> Request {
    Request {
        group: asked.group.or(made.group),
        group6: asked.group6.or(made.group6),
        local: asked.local.or(made.local),
        local6: asked.local6.or(made.local6),
        link: asked.link.or(made.link),
        ttl: asked.ttl.or(made.ttl),
        tos: asked.tos.or(made.tos),
        label: asked.label.or(made.label),
        label_policy: asked.label_policy.or(made.label_policy),
        df: asked.df.or(made.df),
        ageing: asked.ageing.or(made.ageing),
        learning: asked.learning.or(made.learning),
        localbypass: asked.localbypass.or(made.localbypass),
        mc_route: asked.mc_route.or(made.mc_route),
        ..made.clone()
    }
}
