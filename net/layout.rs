// SPDX-License-Identifier: GPL-2.0

//! Whether bindgen's view of the kernel's structures is that of the compiler that built the kernel.
//!
//! bindgen reads the headers with clang, the kernel and `shim.c` are built with another compiler. Both
//! list sizes, offsets and configured constants that the abstractions rely on, and the module does not
//! load if they differ. The two lists are kept by hand: what neither has is not checked.

use super::bindings;
use core::mem::{
    offset_of,
    size_of, //
};
use kernel::prelude::*;

/// The group of header offsets in `sk_buff`, behind bit fields.
type Headers = bindings::sk_buff__bindgen_ty_4__bindgen_ty_2;
const HEADERS: usize = offset_of!(bindings::sk_buff, __bindgen_anon_4);

const OURS: &[usize] = &[
    // Private data follows the structure at once.
    size_of::<bindings::net_device>(),
    bindings::shim_hz as usize,
    bindings::shim_gfp_atomic as usize,
    size_of::<bindings::sk_buff>(),
    offset_of!(bindings::sk_buff, len),
    offset_of!(bindings::sk_buff, data_len),
    offset_of!(bindings::sk_buff, head),
    offset_of!(bindings::sk_buff, data),
    size_of::<bindings::net_device>(),
    offset_of!(bindings::net_device, netdev_ops),
    offset_of!(bindings::net_device, mtu),
    offset_of!(bindings::net_device, needed_headroom),
    offset_of!(bindings::net_device, flags),
    offset_of!(bindings::net_device, hard_header_len),
    offset_of!(bindings::net_device, ifindex),
    offset_of!(bindings::net_device, name),
    offset_of!(bindings::net_device, dev_addr),
    offset_of!(bindings::net_device, needed_tailroom),
    offset_of!(bindings::net_device, ethtool_ops),
    offset_of!(bindings::net_device, priv_destructor),
    offset_of!(bindings::net_device, reg_state),
    size_of::<bindings::net_device_ops>(),
    offset_of!(bindings::net_device_ops, ndo_start_xmit),
    offset_of!(bindings::net_device_ops, ndo_fdb_get),
    size_of::<bindings::ethtool_ops>(),
    offset_of!(bindings::ethtool_ops, get_link_ksettings),
    size_of::<bindings::rtnl_link_ops>(),
    offset_of!(bindings::rtnl_link_ops, kind),
    offset_of!(bindings::rtnl_link_ops, get_link_net),
    size_of::<bindings::pernet_operations>(),
    offset_of!(bindings::pernet_operations, exit_rtnl),
    offset_of!(bindings::pernet_operations, size),
    size_of::<bindings::nla_policy>(),
    offset_of!(bindings::nla_policy, validation_type),
    size_of::<bindings::netlink_ext_ack>(),
    offset_of!(bindings::netlink_ext_ack, _msg),
    offset_of!(bindings::netlink_ext_ack, bad_attr),
    offset_of!(bindings::netlink_ext_ack, policy),
    offset_of!(bindings::netlink_ext_ack, _msg_buf),
    size_of::<bindings::netlink_callback>(),
    offset_of!(bindings::netlink_callback, skb),
    offset_of!(bindings::netlink_callback, nlh),
    size_of::<bindings::udp_tunnel_sock_cfg>(),
    offset_of!(bindings::udp_tunnel_sock_cfg, sk_user_data),
    offset_of!(bindings::udp_tunnel_sock_cfg, gro_complete),
    size_of::<bindings::ip_tunnel_key>(),
    offset_of!(bindings::ip_tunnel_key, u),
    size_of::<bindings::rtable>(),
    offset_of!(bindings::rtable, rt_flags),
    size_of::<bindings::delayed_work>(),
    offset_of!(bindings::delayed_work, work),
    size_of::<bindings::gro_cells>(),
    offset_of!(bindings::gro_cells, cells),
    size_of::<bindings::rhashtable>(),
    offset_of!(bindings::rhashtable, nelems),
    size_of::<bindings::dst_cache>(),
    offset_of!(bindings::dst_cache, cache),
    size_of::<bindings::ndmsg>(),
    offset_of!(bindings::ndmsg, ndm_flags),
    size_of::<bindings::vxlan_dev>(),
    offset_of!(bindings::vxlan_dev, dev),
    offset_of!(bindings::vxlan_dev, net),
    offset_of!(bindings::vxlan_dev, default_dst),
    offset_of!(bindings::vxlan_dev, cfg),
    size_of::<bindings::vxlan_config>(),
    offset_of!(bindings::vxlan_config, saddr),
    offset_of!(bindings::vxlan_config, vni),
    offset_of!(bindings::vxlan_config, dst_port),
    offset_of!(bindings::vxlan_config, port_min),
    offset_of!(bindings::vxlan_config, tos),
    offset_of!(bindings::vxlan_config, flags),
    offset_of!(bindings::vxlan_config, age_interval),
    offset_of!(bindings::vxlan_config, addrmax),
    size_of::<bindings::shim_node>(),
    offset_of!(bindings::shim_node, key),
    offset_of!(bindings::shim_node, number),
    offset_of!(bindings::shim_node, rcu),
    size_of::<bindings::shim_member>(),
    offset_of!(bindings::shim_member, identity),
    offset_of!(bindings::shim_member, number),
    offset_of!(bindings::shim_member, tag),
    offset_of!(bindings::shim_member, rcu),
    size_of::<bindings::xarray>(),
    offset_of!(bindings::xarray, xa_head),
    size_of::<bindings::xa_state>(),
    offset_of!(bindings::nexthop, id),
    offset_of!(bindings::nh_notifier_info, net),
    offset_of!(bindings::nh_notifier_info, id),
    HEADERS.wrapping_add(offset_of!(Headers, network_header)),
    HEADERS.wrapping_add(offset_of!(Headers, mac_header)),
    HEADERS.wrapping_add(offset_of!(Headers, transport_header)),
    HEADERS.wrapping_add(offset_of!(Headers, protocol)),
    offset_of!(bindings::rtnl_newlink_params, tb),
    offset_of!(bindings::rtnl_newlink_params, data),
    offset_of!(bindings::netdev_notifier_info, dev),
    offset_of!(bindings::notifier_block, notifier_call),
    offset_of!(bindings::net_device_ops, ndo_fdb_add),
    offset_of!(bindings::net_device_ops, ndo_fdb_dump),
    offset_of!(bindings::ndmsg, ndm_ifindex),
    offset_of!(bindings::ndmsg, ndm_state),
    offset_of!(bindings::nlmsghdr, nlmsg_seq),
    offset_of!(bindings::ethtool_drvinfo, version),
    offset_of!(bindings::ethtool_link_ksettings, base.speed),
    offset_of!(bindings::udp_tunnel_sock_cfg, encap_rcv),
    offset_of!(bindings::udp_tunnel_sock_cfg, encap_err_lookup),
    offset_of!(bindings::vxlan_config, remote_ifindex),
    offset_of!(bindings::vxlan_config, port_max),
    offset_of!(bindings::vxlan_config, ttl),
    offset_of!(bindings::vxlan_rdst, remote_vni),
    offset_of!(bindings::vxlan_rdst, remote_ifindex),
    offset_of!(bindings::ip_tunnel_key, tun_id),
    offset_of!(bindings::ip_tunnel_key, tun_flags),
    offset_of!(bindings::ip_tunnel_key, label),
    offset_of!(bindings::ip_tunnel_key, nhid),
    offset_of!(bindings::ip_tunnel_key, tos),
    offset_of!(bindings::ip_tunnel_key, ttl),
    offset_of!(bindings::ip_tunnel_key, tp_src),
    offset_of!(bindings::ip_tunnel_key, tp_dst),
    offset_of!(bindings::ip_tunnel_key, flow_flags),
    offset_of!(bindings::ip_tunnel_info, key),
    offset_of!(bindings::ip_tunnel_info, dst_cache),
    offset_of!(bindings::ip_tunnel_info, options_len),
    offset_of!(bindings::ip_tunnel_info, mode),
    offset_of!(bindings::ip_tunnel_info, options),
    offset_of!(bindings::gro_remcsum, delta),
    offset_of!(bindings::net_device, nd_net),
    offset_of!(bindings::sock, __sk_common.skc_bound_dev_if),
    offset_of!(
        bindings::sk_buff,
        __bindgen_anon_1.__bindgen_anon_1.__bindgen_anon_1.dev
    ),
    offset_of!(
        bindings::sk_buff,
        __bindgen_anon_3.__bindgen_anon_1._skb_refdst
    ),
    HEADERS + offset_of!(Headers, __bindgen_anon_4.mark),
];

/// Fails with EINVAL, and says where, if the two views differ.
pub(crate) fn check() -> Result {
    // SAFETY: The list is constant and of the length that stands beside it.
    let theirs = unsafe {
        core::slice::from_raw_parts(
            (&raw const bindings::shim_layout).cast::<usize>(),
            bindings::shim_layout_len,
        )
    };
    if OURS == theirs {
        return Ok(());
    }
    let same = OURS.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    pr_err!(
        "the bindings do not match the kernel's structures, at entry {} of the list\n",
        same
    );
    Err(EINVAL)
}
