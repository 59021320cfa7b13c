// SPDX-License-Identifier: GPL-2.0
/*
 * What forwarding entries need of the kernel's inline functions: nexthops and
 * switchdev; and the functions that other modules call.
 */
#include <linux/etherdevice.h>
#include <linux/export.h>
#include <net/nexthop.h>
#include <net/switchdev.h>
#include <net/vxlan.h>
#include "shim.h"

bool shim_nexthop_get(struct nexthop *nh) { return nexthop_get(nh); }
void shim_nexthop_put(struct nexthop *nh) { nexthop_put(nh); }
/*
 * These read what wants rcu_read_lock() itself, where the caller may have
 * disabled bottom halves only.
 */
bool shim_nexthop_is_fdb(const struct nexthop *nh)
{
	guard(rcu)();
	return nexthop_is_fdb(nh);
}

bool shim_nexthop_is_multipath(const struct nexthop *nh)
{
	guard(rcu)();
	return nexthop_is_multipath(nh);
}

bool shim_nexthop_has_v4(const struct nexthop *nh)
{
	guard(rcu)();
	return nexthop_has_v4(nh);
}

u16 shim_nexthop_select(struct nexthop *nh, u32 hash, u8 *address, u16 *port)
{
	struct vxlan_rdst to = {};

	guard(rcu)();
	if (!vxlan_fdb_nh_path_select(nh, hash, &to))
		return AF_UNSPEC;
	*port = ntohs(to.remote_port);
	if (to.remote_ip.sa.sa_family == AF_INET6)
		memcpy(address, &to.remote_ip.sin6.sin6_addr, sizeof(struct in6_addr));
	else
		memcpy(address, &to.remote_ip.sin.sin_addr, sizeof(struct in_addr));
	return to.remote_ip.sa.sa_family;
}

static void put_addr(union vxlan_addr *to, const struct shim_fdb_info *flat)
{
	memset(to, 0, sizeof(*to));
	to->sa.sa_family = flat->family;
	if (flat->family == AF_INET6)
		memcpy(&to->sin6.sin6_addr, flat->address, sizeof(struct in6_addr));
	else
		memcpy(&to->sin.sin_addr, flat->address, sizeof(struct in_addr));
}

static void fill(struct switchdev_notifier_vxlan_fdb_info *info, struct net_device *dev,
		 const struct shim_fdb_info *flat, struct netlink_ext_ack *extack)
{
	info->info.dev = dev;
	info->info.extack = extack;
	put_addr(&info->remote_ip, flat);
	info->remote_port = htons(flat->port);
	info->remote_vni = cpu_to_be32(flat->vni);
	info->remote_ifindex = flat->ifindex;
	ether_addr_copy(info->eth_addr, flat->mac);
	info->vni = cpu_to_be32(flat->source_vni);
	info->offloaded = flat->offloaded;
	info->added_by_user = flat->by_user;
}

u32 shim_switchdev_kind(unsigned long event)
{
	switch (event) {
	case SWITCHDEV_VXLAN_FDB_ADD_TO_BRIDGE:
		return SHIM_SWITCHDEV_ADD;
	case SWITCHDEV_VXLAN_FDB_DEL_TO_BRIDGE:
		return SHIM_SWITCHDEV_DEL;
	case SWITCHDEV_VXLAN_FDB_OFFLOADED:
		return SHIM_SWITCHDEV_OFFLOADED;
	}
	return 0;
}

int shim_switchdev_tell(struct net_device *dev, bool adding, const struct shim_fdb_info *flat,
			struct netlink_ext_ack *extack)
{
	struct switchdev_notifier_vxlan_fdb_info info = {};

	fill(&info, dev, flat, NULL);
	return notifier_to_errno(call_switchdev_notifiers(adding ?
							  SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE :
							  SWITCHDEV_VXLAN_FDB_DEL_TO_DEVICE,
							  dev, &info.info, extack));
}

void shim_switchdev_read(const void *ptr, struct shim_fdb_info *flat, struct net_device **dev,
			 struct netlink_ext_ack **extack)
{
	const struct switchdev_notifier_vxlan_fdb_info *info = ptr;

	*dev = info->info.dev;
	*extack = info->info.extack;
	ether_addr_copy(flat->mac, info->eth_addr);
	flat->family = info->remote_ip.sa.sa_family;
	if (flat->family == AF_INET6)
		memcpy(flat->address, &info->remote_ip.sin6.sin6_addr, sizeof(struct in6_addr));
	else
		memcpy(flat->address, &info->remote_ip.sin.sin_addr, sizeof(struct in_addr));
	flat->port = ntohs(info->remote_port);
	flat->vni = be32_to_cpu(info->remote_vni);
	flat->source_vni = be32_to_cpu(info->vni);
	flat->ifindex = info->remote_ifindex;
	flat->offloaded = info->offloaded;
	flat->by_user = info->added_by_user;
}

void shim_switchdev_set_offloaded(void *ptr, bool offloaded)
{
	struct switchdev_notifier_vxlan_fdb_info *info = ptr;

	info->offloaded = offloaded;
}

int shim_register_switchdev_notifier(struct notifier_block *block)
{
	return register_switchdev_notifier(block);
}

void shim_unregister_switchdev_notifier(struct notifier_block *block)
{
	unregister_switchdev_notifier(block);
}

int shim_notifier_from_errno(int err) { return notifier_from_errno(err); }

/* abi.rs */
int vxlan_rs_fdb_find(struct net_device *dev, const u8 *mac, u32 vni, struct shim_fdb_info *flat);
int vxlan_rs_fdb_replay(struct net_device *dev, u32 vni,
			int (*show)(void *arg, const struct shim_fdb_info *flat), void *arg);
void vxlan_rs_fdb_unmark(struct net_device *dev, u32 vni);

/* The prototypes of the next three, and of what they fill in, are in <net/vxlan.h>. */
int vxlan_fdb_find_uc(struct net_device *dev, const u8 *mac, __be32 vni,
		      struct switchdev_notifier_vxlan_fdb_info *fdb_info)
{
	struct shim_fdb_info flat;
	int err;

	if (is_multicast_ether_addr(mac) || is_zero_ether_addr(mac))
		return -EINVAL;
	err = vxlan_rs_fdb_find(dev, mac, be32_to_cpu(vni), &flat);
	if (!err)
		fill(fdb_info, dev, &flat, NULL);
	return err;
}
EXPORT_SYMBOL_GPL(vxlan_fdb_find_uc);

struct replay {
	struct net_device *dev;
	struct notifier_block *block;
	struct netlink_ext_ack *extack;
};

static int replay_one(void *arg, const struct shim_fdb_info *flat)
{
	struct switchdev_notifier_vxlan_fdb_info info = {};
	const struct replay *replay = arg;

	fill(&info, replay->dev, flat, replay->extack);
	return notifier_to_errno(replay->block->notifier_call(replay->block,
							      SWITCHDEV_VXLAN_FDB_ADD_TO_DEVICE,
							      &info));
}

int vxlan_fdb_replay(const struct net_device *dev, __be32 vni, struct notifier_block *nb,
		     struct netlink_ext_ack *extack)
{
	/* A listener gets a device that it may change, as the stock driver's does. */
	struct replay replay = { (struct net_device *)dev, nb, extack };

	if (!netif_is_vxlan(dev))
		return -EINVAL;
	return vxlan_rs_fdb_replay(replay.dev, be32_to_cpu(vni), replay_one, &replay);
}
EXPORT_SYMBOL_GPL(vxlan_fdb_replay);

void vxlan_fdb_clear_offload(const struct net_device *dev, __be32 vni)
{
	if (netif_is_vxlan(dev))
		vxlan_rs_fdb_unmark((struct net_device *)dev, be32_to_cpu(vni));
}
EXPORT_SYMBOL_GPL(vxlan_fdb_clear_offload);
