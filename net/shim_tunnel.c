// SPDX-License-Identifier: GPL-2.0
/*
 * What shim.c is, for what tunnels do beyond plain packets: neighbours,
 * metadata, remote checksum offload.
 */
#include <linux/etherdevice.h>
#include <linux/ipv6.h>
#include <net/arp.h>
#include <net/dst_metadata.h>
#include <net/gro.h>
#include <net/ip_tunnels.h>
#include <net/ndisc.h>
#include <net/neighbour.h>
#include <net/udp_tunnel.h>
#include "shim.h"

struct neighbour *shim_neigh_lookup4(struct net_device *dev, const void *addr)
{
	return neigh_lookup(&arp_tbl, addr, dev);
}

/* The table is not set up on a kernel booted with ipv6.disable=1. */
struct neighbour *shim_neigh_lookup6(struct net_device *dev, const void *addr)
{
	return ipv6_mod_enabled() ? neigh_lookup(&nd_tbl, addr, dev) : NULL;
}

bool shim_neigh_connected(const struct neighbour *n)
{
	return READ_ONCE(n->nud_state) & NUD_CONNECTED;
}

void shim_neigh_address(const struct neighbour *n, u8 *addr)
{
	u8 whole[ALIGN(MAX_ADDR_LEN, sizeof(unsigned long))] = {};

	neigh_ha_snapshot(whole, n, n->dev);
	memcpy(addr, whole, ETH_ALEN);
}

void shim_neigh_release(struct neighbour *n) { neigh_release(n); }
bool shim_ipv6_enabled(void) { return ipv6_mod_enabled(); }

struct sk_buff *shim_skb_received(struct net_device *dev, const void *frame, unsigned int len)
{
	unsigned int headroom = LL_RESERVED_SPACE(dev);
	struct sk_buff *skb;

	skb = alloc_skb(headroom + len + dev->needed_tailroom, GFP_ATOMIC);
	if (!skb)
		return NULL;
	skb_reserve(skb, headroom);
	skb_put_data(skb, frame, len);
	skb_reset_mac_header(skb);
	skb_pull(skb, ETH_HLEN);
	skb_reset_network_header(skb);
	skb->dev = dev;
	skb->protocol = eth_hdr(skb)->h_proto;
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb->pkt_type = PACKET_HOST;
	return skb;
}

void shim_skb_receive_raw(struct sk_buff *skb, struct net_device *dev)
{
	skb->dev = dev;
	skb->pkt_type = PACKET_HOST;
}

void shim_skb_set_mark(struct sk_buff *skb, u32 mark) { skb->mark = mark; }
u8 *shim_skb_mac_header(const struct sk_buff *skb) { return skb_mac_header(skb); }

struct ip_tunnel_info *shim_skb_tunnel_info(struct sk_buff *skb) { return skb_tunnel_info(skb); }

struct ip_tunnel_info *shim_skb_tunnel_info_unclone(struct sk_buff *skb)
{
	return skb_tunnel_info_unclone(skb);
}

bool shim_skb_set_received_by(struct sk_buff *skb, bool v6, u64 id, const u32 *option)
{
	IP_TUNNEL_DECLARE_FLAGS(flags) = { };
	struct metadata_dst *md;

	__set_bit(IP_TUNNEL_KEY_BIT, flags);
	if (option)
		__set_bit(IP_TUNNEL_VXLAN_OPT_BIT, flags);
	md = udp_tun_rx_dst(skb, v6 ? AF_INET6 : AF_INET, flags, (__force __be64)id,
			    sizeof(*option));
	if (!md)
		return false;
	if (option) {
		md->u.tun_info.options_len = sizeof(*option);
		memcpy(ip_tunnel_info_opts(&md->u.tun_info), option, sizeof(*option));
	}
	skb_dst_drop(skb);
	skb_dst_set(skb, &md->dst);
	return true;
}

void shim_remcsum_process(struct sk_buff *skb, unsigned int start, unsigned int offset,
			  bool nopartial)
{
	skb_remcsum_process(skb, skb->data, start, offset, nopartial);
}

bool shim_remcsum_done(const struct sk_buff *skb) { return skb->remcsum_offload; }
bool shim_skb_is_gso(const struct sk_buff *skb) { return skb_is_gso(skb); }

bool shim_csum_partial(const struct sk_buff *skb, int *start, u16 *offset)
{
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return false;
	*start = skb_checksum_start_offset(skb);
	*offset = skb->csum_offset;
	return true;
}

int shim_udp_encap_start_remcsum(struct sk_buff *skb, bool csum, bool *double_encap)
{
	int type = csum ? SKB_GSO_UDP_TUNNEL_CSUM : SKB_GSO_UDP_TUNNEL;

	*double_encap = udp_tunnel_handle_partial(skb);
	return iptunnel_handle_offloads(skb, type | SKB_GSO_TUNNEL_REMCSUM);
}

void shim_skb_no_checksum(struct sk_buff *skb)
{
	skb->ip_summed = CHECKSUM_NONE;
	skb->encapsulation = 0;
}

bool shim_gro_remcsum(struct sk_buff *skb, unsigned int start, unsigned int offset,
		      struct gro_remcsum *grc, bool nopartial)
{
	if (skb->remcsum_offload)
		return true;
	if (!NAPI_GRO_CB(skb)->csum_valid)
		return false;
	if (!skb_gro_remcsum_process(skb, skb->data, skb_gro_offset(skb), 0, start, offset,
				     grc, nopartial))
		return false;
	skb->remcsum_offload = 1;
	return true;
}

bool shim_gro_receive_type(struct list_head *head, struct sk_buff *skb, u16 type,
			   struct sk_buff **pp)
{
	const struct packet_offload *offload = gro_find_receive_by_type(htons(type));

	if (!offload)
		return false;
	*pp = call_gro_receive(offload->callbacks.gro_receive, head, skb);
	return true;
}

void shim_gro_flush_final_remcsum(struct sk_buff *skb, struct sk_buff *pp, bool flush,
				  struct gro_remcsum *grc)
{
	skb_gro_flush_final_remcsum(skb, pp, flush, grc);
}

int shim_gro_complete_type(struct sk_buff *skb, u16 type, int offset)
{
	const struct packet_offload *offload = gro_find_complete_by_type(htons(type));

	return offload ? offload->callbacks.gro_complete(skb, offset) : -ENOSYS;
}
