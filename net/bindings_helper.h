/* SPDX-License-Identifier: GPL-2.0 */
/* What bindgen reads for net/bindings_generated.rs; bindings.list says what it keeps. */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/neighbour.h>
#include <linux/netdevice.h>
#include <linux/rhashtable.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <linux/workqueue.h>
#include <net/dst_cache.h>
#include <net/gro_cells.h>
#include <net/ip_tunnels.h>
#include <net/net_namespace.h>
#include <net/netlink.h>
#include <net/rtnetlink.h>
#include <net/udp_tunnel.h>
#include <net/vxlan.h>
#include "shim.h"
