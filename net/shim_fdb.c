// SPDX-License-Identifier: GPL-2.0
/*
 * What forwarding entries need of the kernel's inline functions: nexthops.
 */
#include <net/nexthop.h>
#include <net/vxlan.h>
#include "shim.h"

bool shim_nexthop_get(struct nexthop *nh) { return nexthop_get(nh); }
void shim_nexthop_put(struct nexthop *nh) { nexthop_put(nh); }
bool shim_nexthop_is_fdb(const struct nexthop *nh) { return nexthop_is_fdb(nh); }
bool shim_nexthop_is_multipath(const struct nexthop *nh) { return nexthop_is_multipath(nh); }
bool shim_nexthop_has_v4(const struct nexthop *nh) { return nexthop_has_v4(nh); }

u16 shim_nexthop_select(struct nexthop *nh, u32 hash, u8 *address, u16 *port)
{
	struct vxlan_rdst to = {};

	if (!vxlan_fdb_nh_path_select(nh, hash, &to))
		return AF_UNSPEC;
	*port = ntohs(to.remote_port);
	if (to.remote_ip.sa.sa_family == AF_INET6)
		memcpy(address, &to.remote_ip.sin6.sin6_addr, sizeof(struct in6_addr));
	else
		memcpy(address, &to.remote_ip.sin.sin_addr, sizeof(struct in_addr));
	return to.remote_ip.sa.sa_family;
}
