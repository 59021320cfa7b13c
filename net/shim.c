// SPDX-License-Identifier: GPL-2.0
/*
 * What Rust cannot call by itself: inline functions, macros and module
 * parameters. A function is one kernel function under a linkable name, or a few
 * that always come together.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/igmp.h>
#include <linux/module.h>
#include <net/addrconf.h>
#include <net/arp.h>
#include <net/dst_cache.h>
#include <net/dst_metadata.h>
#include <net/gro.h>
#include <net/gro_cells.h>
#include <net/inet_ecn.h>
#include <net/ip6_fib.h>
#include <net/ip6_route.h>
#include <net/l3mdev.h>
#include <net/netns/generic.h>
#include <net/netdev_lock.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>
#include <net/sock.h>
#include <net/vxlan.h>
#include "shim.h"

/* module! knows neither permissions nor reading back: both stand here. */
unsigned short vxlan_rs_udp_port = 8472;
module_param_named(udp_port, vxlan_rs_udp_port, ushort, 0444);
MODULE_PARM_DESC(udp_port, "UDP destination port of devices created without one");

bool log_ecn_error = true;
module_param(log_ecn_error, bool, 0644);
MODULE_PARM_DESC(log_ecn_error, "Log received packets whose ECN marks contradict each other");

MODULE_VERSION("0.1");

void shim_spin_lock_bh(spinlock_t *lock) { spin_lock_bh(lock); }
void shim_spin_unlock_bh(spinlock_t *lock) { spin_unlock_bh(lock); }
bool shim_spin_trylock_bh(spinlock_t *lock) { return spin_trylock_bh(lock); }
void shim_assert_spin_locked(spinlock_t *lock) { lockdep_assert_held(lock); }

void shim_list_init(struct list_head *head) { INIT_LIST_HEAD(head); }

void shim_delayed_work_init(struct delayed_work *work, work_func_t func)
{
	INIT_DELAYED_WORK(work, func);
}

void shim_delayed_work_queue(struct delayed_work *work, unsigned long delay)
{
	mod_delayed_work(system_power_efficient_wq, work, delay);
}

void shim_cond_resched(void) { cond_resched(); }

/*
 * An Ethernet device that encapsulates in UDP: no queue of its own, no lock on
 * transmit, and every offload that the segmentation code undoes in software.
 */
void shim_device_setup(struct net_device *dev, const struct device_type *type)
{
	netdev_features_t software = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_FRAGLIST |
				     NETIF_F_RXCSUM | NETIF_F_GSO_SOFTWARE;
	netdev_features_t partial = UDP_TUNNEL_PARTIAL_FEATURES | NETIF_F_GSO_PARTIAL;

	eth_hw_addr_random(dev);
	ether_setup(dev);
	SET_NETDEV_DEVTYPE(dev, type);

	dev->features |= software;
	dev->vlan_features = dev->features;
	dev->hw_features |= software | partial;
	dev->hw_enc_features = dev->hw_features;
	dev->gso_partial_features = UDP_TUNNEL_PARTIAL_FEATURES;
	dev->mangleid_features = NETIF_F_GSO_PARTIAL;
	netif_set_tso_max_size(dev, GSO_MAX_SIZE);

	netif_keep_dst(dev);
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;
	dev->priv_flags |= IFF_NO_QUEUE | IFF_LIVE_ADDR_CHANGE;
	dev->lltx = true;
	dev->change_proto_down = true;
	dev->needs_free_netdev = true;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;
	dev->pcpu_stat_type = NETDEV_PCPU_STAT_DSTATS;
}

/* Undoes what ether_setup() says of the link layer. */
void shim_device_make_raw(struct net_device *dev)
{
	dev->header_ops = NULL;
	dev->type = ARPHRD_NONE;
	dev->hard_header_len = 0;
	dev->addr_len = 0;
	dev->flags = IFF_POINTOPOINT | IFF_NOARP | IFF_MULTICAST;
	dev->priv_flags |= IFF_TX_SKB_SHARING;
	dev->priv_flags &= ~IFF_LIVE_ADDR_CHANGE;
}

void shim_dev_hold(struct net_device *dev) { dev_hold(dev); }
void shim_dev_put(struct net_device *dev) { dev_put(dev); }

void shim_netdev_lockdep_set_classes(struct net_device *dev)
{
	netdev_lockdep_set_classes(dev);
}

void shim_dstats_rx_add(struct net_device *dev, unsigned int len)
{
	dev_dstats_rx_add(dev, len);
}

void shim_dstats_tx_add(struct net_device *dev, unsigned int len)
{
	dev_dstats_tx_add(dev, len);
}

void shim_dstats_rx_dropped(struct net_device *dev) { dev_dstats_rx_dropped(dev); }
void shim_dstats_tx_dropped(struct net_device *dev) { dev_dstats_tx_dropped(dev); }

void shim_dev_stats_inc(struct net_device *dev, enum shim_stat stat)
{
	switch (stat) {
	case SHIM_STAT_RX_ERRORS:
		DEV_STATS_INC(dev, rx_errors);
		break;
	case SHIM_STAT_RX_FRAME_ERRORS:
		DEV_STATS_INC(dev, rx_frame_errors);
		break;
	case SHIM_STAT_RX_LENGTH_ERRORS:
		DEV_STATS_INC(dev, rx_length_errors);
		break;
	case SHIM_STAT_TX_ERRORS:
		DEV_STATS_INC(dev, tx_errors);
		break;
	case SHIM_STAT_TX_CARRIER_ERRORS:
		DEV_STATS_INC(dev, tx_carrier_errors);
		break;
	case SHIM_STAT_COLLISIONS:
		DEV_STATS_INC(dev, collisions);
		break;
	}
}

bool shim_netif_running(const struct net_device *dev) { return netif_running(dev); }

int shim_l3mdev_index(struct net *net, int ifindex)
{
	return l3mdev_master_upper_ifindex_by_index(net, ifindex);
}

void *shim_net_generic(const struct net *net, unsigned int id) { return net_generic(net, id); }
void shim_assert_rtnl(void) { ASSERT_RTNL(); }
void shim_pin_module(void) { __module_get(THIS_MODULE); }

void shim_kfree_skb_reason(struct sk_buff *skb, u32 reason) { kfree_skb_reason(skb, reason); }

u32 shim_pskb_may_pull_reason(struct sk_buff *skb, unsigned int len)
{
	return pskb_may_pull_reason(skb, len);
}

u32 shim_skb_vlan_inet_prepare(struct sk_buff *skb, bool raw)
{
	return skb_vlan_inet_prepare(skb, raw && skb->protocol != htons(ETH_P_TEB));
}

/* The Ethernet header, which is in the linear part, is taken off. */
void shim_skb_receive_eth(struct sk_buff *skb, struct net_device *dev)
{
	skb_reset_mac_header(skb);
	skb->protocol = eth_type_trans(skb, dev);
	skb_postpull_rcsum(skb, eth_hdr(skb), ETH_HLEN);
}

void *shim_skb_push(struct sk_buff *skb, unsigned int len) { return __skb_push(skb, len); }

int shim_skb_make_private(struct sk_buff *skb) { return skb_cow_head(skb, 0); }

/* Room for @len octets in front of the data, and for all that @dst puts before them. */
int shim_skb_make_headroom(struct sk_buff *skb, const struct dst_entry *dst, unsigned int len)
{
	return skb_cow_head(skb, LL_RESERVED_SPACE(dst->dev) + dst->header_len + len);
}

int shim_tunnel_check_pmtu(struct sk_buff *skb, const struct net_device *dev,
			   struct dst_entry *dst, int headroom)
{
	return skb_tunnel_check_pmtu(skb, dst, headroom, netif_is_any_bridge_port(dev));
}

u16 shim_skb_protocol(const struct sk_buff *skb) { return ntohs(skb_protocol(skb, true)); }
void shim_ecn_set_ce(struct sk_buff *skb) { INET_ECN_set_ce(skb); }
void shim_ecn_set_ect1(struct sk_buff *skb) { INET_ECN_set_ect1(skb); }

u16 shim_udp_flow_src_port(struct net *net, struct sk_buff *skb, int min, int max)
{
	return ntohs(udp_flow_src_port(net, skb, min, max, true));
}

u32 shim_skb_tunnel_advice(struct sk_buff *skb)
{
	const struct ip_tunnel_info *info = skb_tunnel_info(skb);

	return (info ? 1 : 0) | (ip_tunnel_dst_cache_usable(skb, info) ? 2 : 0);
}

bool shim_tunnel_info_df(struct sk_buff *skb)
{
	const struct ip_tunnel_info *info = skb_tunnel_info(skb);

	return info && test_bit(IP_TUNNEL_DONT_FRAGMENT_BIT, info->key.tun_flags);
}

int shim_udp_encap_start(struct sk_buff *skb, bool csum, bool *double_encap)
{
	*double_encap = udp_tunnel_handle_partial(skb);
	return udp_tunnel_handle_offloads(skb, csum);
}

/*
 * All of an encapsulation with a plain header, in one call: it is the way of
 * nearly every packet.
 */
int shim_udp_encapsulate(struct sk_buff *skb, u64 header, bool csum)
{
	bool double_encap = udp_tunnel_handle_partial(skb);
	int err;

	err = udp_tunnel_handle_offloads(skb, csum);
	if (err)
		return err;
	if (skb_headroom(skb) < sizeof(header))
		return -ENOBUFS;
	memcpy(__skb_push(skb, sizeof(header)), &header, sizeof(header));
	udp_tunnel_set_inner_protocol(skb, double_encap, htons(ETH_P_TEB));
	return 0;
}

void shim_udp_encap_inner(struct sk_buff *skb, bool double_encap, u16 protocol)
{
	udp_tunnel_set_inner_protocol(skb, double_encap, htons(protocol));
}

void shim_skb_loop(struct sk_buff *skb, struct net_device *dev, unsigned int offset)
{
	skb->pkt_type = PACKET_HOST;
	skb->encapsulation = 0;
	skb->dev = dev;
	__skb_pull(skb, offset);
}

int shim_netif_rx(struct sk_buff *skb) { return __netif_rx(skb); }
u32 shim_skb_get_hash(struct sk_buff *skb) { return skb_get_hash(skb); }

int shim_ip4_hoplimit(struct dst_entry *dst) { return ip4_dst_hoplimit(dst); }
int shim_ip6_hoplimit(struct dst_entry *dst) { return ip6_dst_hoplimit(dst); }
bool shim_rt6_is_local(struct dst_entry *dst) { return dst_rt6_info(dst)->rt6i_flags & RTF_LOCAL; }
void shim_dst_cache_reset(struct dst_cache *cache) { dst_cache_reset(cache); }

int shim_udp_sock_create(struct net *net, bool v6, u16 port, int ifindex, bool checksum6,
			 struct sock **sk)
{
	struct udp_port_cfg cfg = {
		.family = v6 ? AF_INET6 : AF_INET,
		.local_udp_port = htons(port),
		.bind_ifindex = ifindex,
		.use_udp6_rx_checksums = v6 && checksum6,
		.ipv6_v6only = v6,
	};
	struct socket *sock;
	int err;

	err = udp_sock_create(net, &cfg, &sock);
	if (err)
		return err;
	udp_allow_gso(sock->sk);
	*sk = sock->sk;
	return 0;
}

void *shim_sk_user_data(const struct sock *sk) { return rcu_dereference_sk_user_data(sk); }

int shim_igmp_join(struct sock *sk, u32 group, int ifindex)
{
	struct ip_mreqn mreq = {
		.imr_multiaddr.s_addr = (__force __be32)group,
		.imr_ifindex = ifindex,
	};
	int err;

	lock_sock(sk);
	err = ip_mc_join_group(sk, &mreq);
	release_sock(sk);
	return err;
}

int shim_igmp_leave(struct sock *sk, u32 group, int ifindex)
{
	struct ip_mreqn mreq = {
		.imr_multiaddr.s_addr = (__force __be32)group,
		.imr_ifindex = ifindex,
	};
	int err;

	lock_sock(sk);
	err = ip_mc_leave_group(sk, &mreq);
	release_sock(sk);
	return err;
}

int shim_mld_join(struct sock *sk, const struct in6_addr *group, int ifindex)
{
	int err;

	lock_sock(sk);
	err = ipv6_sock_mc_join(sk, ifindex, group);
	release_sock(sk);
	return err;
}

int shim_mld_leave(struct sock *sk, const struct in6_addr *group, int ifindex)
{
	int err;

	lock_sock(sk);
	err = ipv6_sock_mc_drop(sk, ifindex, group);
	release_sock(sk);
	return err;
}

bool shim_ipv6_disabled(const struct net_device *dev)
{
	const struct inet6_dev *idev = __in6_dev_get(dev);

	return idev && READ_ONCE(idev->cnf.disable_ipv6);
}

void shim_skb_scrub(struct sk_buff *skb, bool crosses) { skb_scrub_packet(skb, crosses); }

unsigned int shim_gro_offset(const struct sk_buff *skb) { return skb_gro_offset(skb); }

const void *shim_gro_header(struct sk_buff *skb, unsigned int len)
{
	unsigned int offset = skb_gro_offset(skb);

	return skb_gro_header(skb, offset + len, offset);
}

void shim_gro_pull(struct sk_buff *skb, const void *start, unsigned int len)
{
	skb_gro_postpull_rcsum(skb, start, len);
	skb_gro_pull(skb, len);
}

void shim_gro_same_flow(struct list_head *head, unsigned int offset,
			const void *bytes, unsigned int len)
{
	struct sk_buff *held;

	list_for_each_entry(held, head, list)
		if (NAPI_GRO_CB(held)->same_flow &&
		    memcmp(held->data + offset, bytes, len))
			NAPI_GRO_CB(held)->same_flow = 0;
}

struct sk_buff *shim_gro_receive_eth(struct list_head *head, struct sk_buff *skb)
{
	return call_gro_receive(eth_gro_receive, head, skb);
}

void shim_gro_flush_final(struct sk_buff *skb, struct sk_buff *pp, bool flush)
{
	skb_gro_flush_final(skb, pp, flush);
}

struct sk_buff *shim_nlmsg_new(size_t payload, gfp_t flags) { return nlmsg_new(payload, flags); }

struct nlmsghdr *shim_nlmsg_put(struct sk_buff *skb, u32 portid, u32 seq, int type,
				int payload, int flags)
{
	return nlmsg_put(skb, portid, seq, type, payload, flags);
}

void shim_nlmsg_end(struct sk_buff *skb, struct nlmsghdr *nlh) { nlmsg_end(skb, nlh); }
void shim_nlmsg_cancel(struct sk_buff *skb, struct nlmsghdr *nlh) { nlmsg_cancel(skb, nlh); }
u32 shim_netlink_portid(const struct sk_buff *skb) { return NETLINK_CB(skb).portid; }

void *shim_dump_context(struct netlink_callback *cb) { return cb->ctx; }

int shim_nlmsg_parse(const struct nlmsghdr *nlh, int header, struct nlattr **tb, int max,
		     const struct nla_policy *policy, struct netlink_ext_ack *extack)
{
	return nlmsg_parse(nlh, header, tb, max, policy, extack);
}

bool shim_neigh_has_listeners(const struct net *net)
{
	return rtnl_has_listeners(net, RTNLGRP_NEIGH);
}

unsigned long shim_jiffies_to_clock_t(unsigned long delta)
{
	return jiffies_to_clock_t(delta);
}

/* What Rust compares its own view of the structures to: see net/layout.rs. */
const size_t shim_layout[] = {
	offsetof(struct net_device, priv),
	HZ,
	GFP_ATOMIC,
	sizeof(struct sk_buff),
	offsetof(struct sk_buff, len),
	offsetof(struct sk_buff, data_len),
	offsetof(struct sk_buff, head),
	offsetof(struct sk_buff, data),
	sizeof(struct net_device),
	offsetof(struct net_device, netdev_ops),
	offsetof(struct net_device, mtu),
	offsetof(struct net_device, needed_headroom),
	offsetof(struct net_device, flags),
	offsetof(struct net_device, hard_header_len),
	offsetof(struct net_device, ifindex),
	offsetof(struct net_device, name),
	offsetof(struct net_device, dev_addr),
	offsetof(struct net_device, needed_tailroom),
	offsetof(struct net_device, ethtool_ops),
	offsetof(struct net_device, priv_destructor),
	offsetof(struct net_device, reg_state),
	sizeof(struct net_device_ops),
	offsetof(struct net_device_ops, ndo_start_xmit),
	offsetof(struct net_device_ops, ndo_fdb_get),
	sizeof(struct ethtool_ops),
	offsetof(struct ethtool_ops, get_link_ksettings),
	sizeof(struct rtnl_link_ops),
	offsetof(struct rtnl_link_ops, kind),
	offsetof(struct rtnl_link_ops, get_link_net),
	sizeof(struct pernet_operations),
	offsetof(struct pernet_operations, exit_rtnl),
	offsetof(struct pernet_operations, size),
	sizeof(struct nla_policy),
	offsetof(struct nla_policy, validation_type),
	sizeof(struct netlink_ext_ack),
	offsetof(struct netlink_ext_ack, _msg),
	offsetof(struct netlink_ext_ack, bad_attr),
	offsetof(struct netlink_ext_ack, policy),
	offsetof(struct netlink_ext_ack, _msg_buf),
	sizeof(struct netlink_callback),
	offsetof(struct netlink_callback, skb),
	offsetof(struct netlink_callback, nlh),
	sizeof(struct udp_tunnel_sock_cfg),
	offsetof(struct udp_tunnel_sock_cfg, sk_user_data),
	offsetof(struct udp_tunnel_sock_cfg, gro_complete),
	sizeof(struct ip_tunnel_key),
	offsetof(struct ip_tunnel_key, u),
	sizeof(struct rtable),
	offsetof(struct rtable, rt_flags),
	sizeof(struct delayed_work),
	offsetof(struct delayed_work, work),
	sizeof(struct gro_cells),
	offsetof(struct gro_cells, cells),
	sizeof(struct rhashtable),
	offsetof(struct rhashtable, nelems),
	sizeof(struct dst_cache),
	offsetof(struct dst_cache, cache),
	sizeof(struct ndmsg),
	offsetof(struct ndmsg, ndm_flags),
	sizeof(struct vxlan_dev),
	offsetof(struct vxlan_dev, dev),
	offsetof(struct vxlan_dev, net),
	offsetof(struct vxlan_dev, default_dst),
	offsetof(struct vxlan_dev, cfg),
	sizeof(struct vxlan_config),
	offsetof(struct vxlan_config, saddr),
	offsetof(struct vxlan_config, vni),
	offsetof(struct vxlan_config, dst_port),
	offsetof(struct vxlan_config, port_min),
	offsetof(struct vxlan_config, tos),
	offsetof(struct vxlan_config, flags),
	offsetof(struct vxlan_config, age_interval),
	offsetof(struct vxlan_config, addrmax),
	sizeof(struct shim_node),
	offsetof(struct shim_node, key),
	offsetof(struct shim_node, number),
	offsetof(struct shim_node, rcu),
	sizeof(struct shim_member),
	offsetof(struct shim_member, identity),
	offsetof(struct shim_member, number),
	offsetof(struct shim_member, tag),
	offsetof(struct shim_member, rcu),
	sizeof(struct xarray),
	offsetof(struct xarray, xa_head),
	sizeof(struct xa_state),
	offsetof(struct nexthop, id),
	offsetof(struct nh_notifier_info, net),
	offsetof(struct nh_notifier_info, id),
	offsetof(struct sk_buff, network_header),
	offsetof(struct sk_buff, mac_header),
	offsetof(struct sk_buff, transport_header),
	offsetof(struct sk_buff, protocol),
	offsetof(struct rtnl_newlink_params, tb),
	offsetof(struct rtnl_newlink_params, data),
	offsetof(struct netdev_notifier_info, dev),
	offsetof(struct notifier_block, notifier_call),
	offsetof(struct net_device_ops, ndo_fdb_add),
	offsetof(struct net_device_ops, ndo_fdb_dump),
	offsetof(struct ndmsg, ndm_ifindex),
	offsetof(struct ndmsg, ndm_state),
	offsetof(struct nlmsghdr, nlmsg_seq),
	offsetof(struct ethtool_drvinfo, version),
	offsetof(struct ethtool_link_ksettings, base.speed),
	offsetof(struct udp_tunnel_sock_cfg, encap_rcv),
	offsetof(struct udp_tunnel_sock_cfg, encap_err_lookup),
	offsetof(struct vxlan_config, remote_ifindex),
	offsetof(struct vxlan_config, port_max),
	offsetof(struct vxlan_config, ttl),
	offsetof(struct vxlan_rdst, remote_vni),
	offsetof(struct vxlan_rdst, remote_ifindex),
	offsetof(struct ip_tunnel_key, tun_id),
	offsetof(struct ip_tunnel_key, tun_flags),
	offsetof(struct ip_tunnel_key, label),
	offsetof(struct ip_tunnel_key, nhid),
	offsetof(struct ip_tunnel_key, tos),
	offsetof(struct ip_tunnel_key, ttl),
	offsetof(struct ip_tunnel_key, tp_src),
	offsetof(struct ip_tunnel_key, tp_dst),
	offsetof(struct ip_tunnel_key, flow_flags),
	offsetof(struct ip_tunnel_info, key),
	offsetof(struct ip_tunnel_info, dst_cache),
	offsetof(struct ip_tunnel_info, options_len),
	offsetof(struct ip_tunnel_info, mode),
	offsetof(struct ip_tunnel_info, options),
	offsetof(struct gro_remcsum, delta),
	offsetof(struct net_device, nd_net),
	offsetof(struct sock, sk_bound_dev_if),
	offsetof(struct sk_buff, dev),
	offsetof(struct sk_buff, _skb_refdst),
	offsetof(struct sk_buff, mark),
};
const size_t shim_layout_len = ARRAY_SIZE(shim_layout);
