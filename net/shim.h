/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's inline functions and macros that net/ calls, one to one: no
 * logic of the driver. bindgen reads this file as a whole.
 */
#ifndef VXLAN_RS_SHIM_H
#define VXLAN_RS_SHIM_H

#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/netlink.h>
#include <linux/rbtree.h>
#include <linux/rhashtable.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/dst_cache.h>
#include <net/gro.h>
#include <net/ip_tunnels.h>
#include <net/nexthop.h>
#include <net/route.h>
#include <net/udp_tunnel.h>

#if !IS_ENABLED(CONFIG_NET_NS) || !IS_ENABLED(CONFIG_IPV6)
#error "the module needs a kernel with network namespaces and IPv6"
#endif

/* The part of a table entry that C knows (net/table.rs). */
struct shim_node {
	struct rhash_head	hash;
	u32			key[3];
	unsigned long		number;
	struct rcu_head		rcu;
};

/* The part of a set's member that C knows (net/set.rs). */
struct shim_member {
	struct rb_node		link;
	unsigned long		identity;
	u32			number;
	u32			tag;
	struct rcu_head		rcu;
};

/* Counters of net_device_core_stats and net_device_stats. */
enum shim_stat {
	SHIM_STAT_RX_ERRORS,
	SHIM_STAT_RX_FRAME_ERRORS,
	SHIM_STAT_RX_LENGTH_ERRORS,
	SHIM_STAT_TX_ERRORS,
	SHIM_STAT_TX_CARRIER_ERRORS,
	SHIM_STAT_COLLISIONS,
};

extern unsigned short vxlan_rs_udp_port;
extern bool log_ecn_error;

/* spinlock, work */
void shim_spin_lock_bh(spinlock_t *lock);
void shim_spin_unlock_bh(spinlock_t *lock);
bool shim_spin_trylock_bh(spinlock_t *lock);
void shim_assert_spin_locked(spinlock_t *lock);
void shim_list_init(struct list_head *head);
void shim_delayed_work_init(struct delayed_work *work, work_func_t func);
void shim_delayed_work_queue(struct delayed_work *work, unsigned long delay);

void shim_cond_resched(void);

/* orders and sets */
void shim_order_init(struct xarray *order);
int shim_order_store(struct xarray *order, unsigned long number, void *item);
void shim_order_mark(struct xarray *order, unsigned long number, bool on);
void shim_walk_init(struct xa_state *state, struct xarray *order, unsigned long from);
void *shim_walk_next(struct xa_state *state, bool marked);
struct shim_member *shim_member_find(struct rb_root *root, unsigned long identity);
void shim_member_link(struct rb_root *root, struct shim_member *member);
void shim_member_unlink(struct rb_root *root, struct shim_member *member);

/* rhashtable */
int shim_table_init(struct rhashtable *table);
void shim_table_prepare(void);
struct shim_node *shim_table_lookup(struct rhashtable *table, const u32 *key);
int shim_table_insert(struct rhashtable *table, struct shim_node *node);
int shim_table_remove(struct rhashtable *table, struct shim_node *node);

/* net_device and namespaces */
void shim_device_setup(struct net_device *dev, const struct device_type *type);
void shim_device_make_raw(struct net_device *dev);
void shim_dev_hold(struct net_device *dev);
void shim_dev_put(struct net_device *dev);
void shim_netdev_lockdep_set_classes(struct net_device *dev);
void shim_dstats_rx_add(struct net_device *dev, unsigned int len);
void shim_dstats_tx_add(struct net_device *dev, unsigned int len);
void shim_dstats_rx_dropped(struct net_device *dev);
void shim_dstats_tx_dropped(struct net_device *dev);
void shim_dev_stats_inc(struct net_device *dev, enum shim_stat stat);
bool shim_netif_running(const struct net_device *dev);
int shim_l3mdev_index(struct net *net, int ifindex);
void *shim_net_generic(const struct net *net, unsigned int id);
void shim_assert_rtnl(void);
void shim_pin_module(void);

/* sk_buff */
void shim_kfree_skb_reason(struct sk_buff *skb, u32 reason);
u32 shim_pskb_may_pull_reason(struct sk_buff *skb, unsigned int len);
u32 shim_skb_vlan_inet_prepare(struct sk_buff *skb, bool raw);
void shim_skb_set_mark(struct sk_buff *skb, u32 mark);
void shim_skb_receive_eth(struct sk_buff *skb, struct net_device *dev);
void *shim_skb_push(struct sk_buff *skb, unsigned int len);
int shim_skb_make_private(struct sk_buff *skb);
int shim_skb_make_headroom(struct sk_buff *skb, const struct dst_entry *dst, unsigned int len);
int shim_tunnel_check_pmtu(struct sk_buff *skb, const struct net_device *dev,
			   struct dst_entry *dst, int headroom);
u16 shim_skb_protocol(const struct sk_buff *skb);
void shim_ecn_set_ce(struct sk_buff *skb);
void shim_ecn_set_ect1(struct sk_buff *skb);
u16 shim_udp_flow_src_port(struct net *net, struct sk_buff *skb, int min, int max);
u32 shim_skb_tunnel_advice(struct sk_buff *skb);
bool shim_tunnel_info_df(struct sk_buff *skb);
int shim_udp_encap_start(struct sk_buff *skb, bool csum, bool *double_encap);
int shim_udp_encapsulate(struct sk_buff *skb, u64 header, bool csum);
void shim_udp_encap_inner(struct sk_buff *skb, bool double_encap, u16 protocol);
void shim_skb_scrub(struct sk_buff *skb, bool crosses);
void shim_skb_loop(struct sk_buff *skb, struct net_device *dev, unsigned int offset);
void shim_skb_receive_raw(struct sk_buff *skb, struct net_device *dev);
u8 *shim_skb_mac_header(const struct sk_buff *skb);
int shim_netif_rx(struct sk_buff *skb);
u32 shim_skb_get_hash(struct sk_buff *skb);

/* neighbours (shim_tunnel.c) */
struct neighbour *shim_neigh_lookup4(struct net_device *dev, const void *addr);
struct neighbour *shim_neigh_lookup6(struct net_device *dev, const void *addr);
bool shim_neigh_connected(const struct neighbour *n);
void shim_neigh_address(const struct neighbour *n, u8 *addr);
void shim_neigh_release(struct neighbour *n);
bool shim_ipv6_enabled(void);
struct sk_buff *shim_skb_received(struct net_device *dev, const void *frame, unsigned int len);

/* metadata, remote checksum offload (shim_tunnel.c) */
struct ip_tunnel_info *shim_skb_tunnel_info(struct sk_buff *skb);
struct ip_tunnel_info *shim_skb_tunnel_info_unclone(struct sk_buff *skb);
bool shim_skb_set_received_by(struct sk_buff *skb, bool v6, u64 id, const u32 *option);
void shim_remcsum_process(struct sk_buff *skb, unsigned int start, unsigned int offset,
			  bool nopartial);
bool shim_remcsum_done(const struct sk_buff *skb);
bool shim_skb_is_gso(const struct sk_buff *skb);
bool shim_csum_partial(const struct sk_buff *skb, int *start, u16 *offset);
int shim_udp_encap_start_remcsum(struct sk_buff *skb, bool csum, bool *double_encap);
void shim_skb_no_checksum(struct sk_buff *skb);

/* routes */
int shim_ip4_hoplimit(struct dst_entry *dst);
int shim_ip6_hoplimit(struct dst_entry *dst);
bool shim_rt6_is_local(struct dst_entry *dst);
void shim_dst_cache_reset(struct dst_cache *cache);

/* nexthops */
bool shim_nexthop_get(struct nexthop *nh);
void shim_nexthop_put(struct nexthop *nh);
bool shim_nexthop_is_fdb(const struct nexthop *nh);
bool shim_nexthop_is_multipath(const struct nexthop *nh);
bool shim_nexthop_has_v4(const struct nexthop *nh);
u16 shim_nexthop_select(struct nexthop *nh, u32 hash, u8 *address, u16 *port);

/* switchdev: one remote of an entry, numbers in host order */
struct shim_fdb_info {
	u8	mac[ETH_ALEN];
	u16	family;
	u8	address[16];
	u16	port;
	u32	vni;
	u32	source_vni;
	u32	ifindex;
	bool	offloaded;
	bool	by_user;
};

#define SHIM_SWITCHDEV_ADD	1
#define SHIM_SWITCHDEV_DEL	2
#define SHIM_SWITCHDEV_OFFLOADED	3

u32 shim_switchdev_kind(unsigned long event);
int shim_switchdev_tell(struct net_device *dev, bool adding, const struct shim_fdb_info *flat,
			struct netlink_ext_ack *extack);
void shim_switchdev_read(const void *info, struct shim_fdb_info *flat, struct net_device **dev,
			 struct netlink_ext_ack **extack);
void shim_switchdev_set_offloaded(void *info, bool offloaded);
int shim_register_switchdev_notifier(struct notifier_block *block);
void shim_unregister_switchdev_notifier(struct notifier_block *block);
int shim_notifier_from_errno(int err);

/* UDP sockets */
int shim_udp_sock_create(struct net *net, bool v6, u16 port, int ifindex, bool checksum6,
			 struct sock **sk);
void *shim_sk_user_data(const struct sock *sk);
int shim_igmp_join(struct sock *sk, u32 group, int ifindex);
int shim_igmp_leave(struct sock *sk, u32 group, int ifindex);
int shim_mld_join(struct sock *sk, const struct in6_addr *group, int ifindex);
int shim_mld_leave(struct sock *sk, const struct in6_addr *group, int ifindex);
bool shim_ipv6_disabled(const struct net_device *dev);

/* GRO */
const void *shim_gro_header(struct sk_buff *skb, unsigned int len);
void shim_gro_pull(struct sk_buff *skb, const void *start, unsigned int len);
void shim_gro_same_flow(struct list_head *head, unsigned int offset,
			const void *bytes, unsigned int len);
unsigned int shim_gro_offset(const struct sk_buff *skb);
struct sk_buff *shim_gro_receive_eth(struct list_head *head, struct sk_buff *skb);
void shim_gro_flush_final(struct sk_buff *skb, struct sk_buff *pp, bool flush);


bool shim_gro_remcsum(struct sk_buff *skb, unsigned int start, unsigned int offset,
		      struct gro_remcsum *grc, bool nopartial);
bool shim_gro_receive_type(struct list_head *head, struct sk_buff *skb, u16 type,
			   struct sk_buff **pp);
void shim_gro_flush_final_remcsum(struct sk_buff *skb, struct sk_buff *pp, bool flush,
				  struct gro_remcsum *grc);
int shim_gro_complete_type(struct sk_buff *skb, u16 type, int offset);

/* netlink */
struct sk_buff *shim_nlmsg_new(size_t payload, gfp_t flags);
struct nlmsghdr *shim_nlmsg_put(struct sk_buff *skb, u32 portid, u32 seq, int type,
				int payload, int flags);
void shim_nlmsg_end(struct sk_buff *skb, struct nlmsghdr *nlh);
void shim_nlmsg_cancel(struct sk_buff *skb, struct nlmsghdr *nlh);
u32 shim_netlink_portid(const struct sk_buff *skb);
void *shim_dump_context(struct netlink_callback *cb);
int shim_nlmsg_parse(const struct nlmsghdr *nlh, int header, struct nlattr **tb, int max,
		     const struct nla_policy *policy, struct netlink_ext_ack *extack);
bool shim_neigh_has_listeners(const struct net *net);
unsigned long shim_jiffies_to_clock_t(unsigned long delta);

extern const size_t shim_layout[];
extern const size_t shim_layout_len;

/* Constants that bindgen cannot evaluate from their macros. */
/* bindgen would take HZ from the user-space header: 100. */
static const u32 shim_hz = HZ;
static const u16 shim_ipskb_mcroute = IPSKB_MCROUTE;
static const u16 shim_ip6skb_mcroute = IP6SKB_MCROUTE;
static const u32 shim_has_switchdev = IS_ENABLED(CONFIG_NET_SWITCHDEV);
static const u32 shim_dump_context_size = sizeof_field(struct netlink_callback, ctx);
static const u32 shim_gfp_atomic = GFP_ATOMIC;
static const u32 shim_gfp_atomic_nowarn = GFP_ATOMIC | __GFP_NOWARN;

#endif
