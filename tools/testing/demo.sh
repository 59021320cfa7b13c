#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The driver at work, seen and checked: two VTEPs in network namespaces joined
# by a veth pair. Runs as root in a test VM with vxlan loaded, udp_port=4789:
#
#     west 192.0.2.1 ---- veth ---- 192.0.2.2 east      (underlay)
#          vx0 10.9.0.1 == VNI 4789 == 10.9.0.2 vx0     (overlay)
#
# west has static entries made by "bridge fdb add", east has a default entry to
# answer broadcasts and learns the rest. Fails on the first thing that is not
# as it should be.
set -uo pipefail

vni=4242
west_mac=02:00:00:00:00:01 east_mac=02:00:00:00:00:02
checks=0
capture=/tmp/demo.pcap

title() { printf '\n=== %s\n' "$*"; }
show() { printf '$ %s\n' "$*"; "$@"; }
fail() { printf '\ndemo: FAILED: %s\n' "$*"; exit 1; }
ok() { checks=$((checks + 1)); printf '  ok: %s\n' "$*"; }
# What it says matters only when it fails (ip remarks that no port was named).
must() {
	local said
	said=$("$@" 2>&1) || fail "this did not work: $*: $said"
}

# expect TEXT PATTERN WHAT
expect() { if grep -qE -- "$2" <<<"$1"; then ok "$3"; else fail "$3: not found: $2"; fi; }

in_west() { ip netns exec west "$@"; }
in_east() { ip netns exec east "$@"; }

make_underlay() {
	must ip netns add west
	must ip netns add east
	must ip link add eth0 netns west type veth peer name eth0 netns east
	must ip -n west address add 192.0.2.1/24 dev eth0
	must ip -n east address add 192.0.2.2/24 dev eth0
	must ip -n west link set lo up
	must ip -n east link set lo up
	must ip -n west link set eth0 up
	must ip -n east link set eth0 up
}

make_overlay() {
	# No dstport: the module parameter says which.
	must ip -n west link add vx0 address $west_mac type vxlan id $vni local 192.0.2.1 dev eth0 nolearning
	must ip -n east link add vx0 address $east_mac type vxlan id $vni local 192.0.2.2 dev eth0
	local ns
	for ns in west east; do
		# Keeps the neighbour discovery of IPv6 from confusing the counters.
		ip netns exec $ns sysctl -qw net.ipv6.conf.vx0.disable_ipv6=1 2>/dev/null
	done
	must ip -n west address add 10.9.0.1/24 dev vx0
	must ip -n east address add 10.9.0.2/24 dev vx0
	must ip -n west link set vx0 up
	must ip -n east link set vx0 up
	must bridge -n west fdb add 00:00:00:00:00:00 dev vx0 dst 192.0.2.2
	must bridge -n west fdb add $east_mac dev vx0 dst 192.0.2.2
}

counter() { # NAMESPACE DEVICE rx|tx
	ip -n "$1" -j -s link show "$2" | jq -r ".[0].stats64.$3.packets"
}

check_module() {
	title "the module"
	show lsmod
	[ -d /sys/module/vxlan ] || fail "the module is not loaded"
	[ "$(cat /sys/module/vxlan/parameters/udp_port)" = 4789 ] ||
		fail "udp_port is not 4789"
	ok "vxlan is loaded with udp_port=4789"
}

check_links() {
	title "two VTEPs"
	local text
	text=$(show ip -n west -d link show vx0)
	printf '%s\n' "$text"
	expect "$text" "vxlan id $vni .*local 192.0.2.1 .*dstport 4789" "west: VNI, local address and port are shown"
	text=$(show ip -n east -d link show vx0)
	printf '%s\n' "$text"
	expect "$text" "vxlan id $vni .*local 192.0.2.2 .*dstport 4789" "east: VNI, local address and port are shown"
	text=$(in_west bridge fdb show dev vx0)
	printf '$ bridge fdb show dev vx0 (west)\n%s\n' "$text"
	expect "$text" "^00:00:00:00:00:00 dst 192.0.2.2 .*permanent" "west has the static default entry"
	expect "$text" "^$east_mac dst 192.0.2.2 .*permanent" "west has the static unicast entry"
	text=$(in_east bridge fdb show dev vx0)
	if grep -q "$west_mac" <<<"$text"; then fail "east knows west before any packet"; fi
	ok "east knows nobody yet"
}

check_ping() {
	title "ping through the tunnel, and a frame of it on the wire"
	in_west tcpdump -i eth0 -U -w $capture udp port 4789 2>/tmp/tcpdump.log &
	local tcpdump=$! tries=0 text
	until grep -q 'listening on' /tmp/tcpdump.log || [ $tries -ge 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	text=$(show ip netns exec west ping -c 5 -i 0.2 -W 5 10.9.0.2)
	printf '%s\n' "$text"
	expect "$text" '5 packets transmitted, 5 received, 0% packet loss' "no ping is lost"
	sleep 0.5
	# Not INT, which a shell makes its background jobs ignore.
	kill -TERM $tcpdump
	wait $tcpdump
	text=$(tcpdump -nn -e -v -r $capture 2>/dev/null)
	printf '$ tcpdump -nn -e -v -r %s | head -n 24\n%s\n' $capture "$(head -n 24 <<<"$text")"
	expect "$text" '192\.0\.2\.1\.[0-9]+ > 192\.0\.2\.2\.4789: VXLAN, flags \[I\] \(0x08\), vni '$vni'$' \
		"the frame is VXLAN to port 4789 with VNI $vni"
	expect "$text" '10\.9\.0\.1 > 10\.9\.0\.2: ICMP echo request' "an echo request is inside"
	expect "$text" '192\.0\.2\.2\.[0-9]+ > 192\.0\.2\.1\.4789: VXLAN' "the answer is encapsulated too"
	if grep -qi 'bad udp cksum\|truncated' <<<"$text"; then fail "tcpdump finds a frame malformed"; fi
}

check_learning() {
	title "what east has learned"
	local text
	text=$(in_east bridge fdb show dev vx0)
	printf '$ bridge fdb show dev vx0 (east)\n%s\n' "$text"
	expect "$text" "^$west_mac dst 192.0.2.1 " "east has learned where west is"
	if grep -q "^$west_mac .*permanent" <<<"$text"; then fail "the learned entry is permanent"; fi
	ok "and it is not permanent"
}

check_stream() {
	title "a TCP stream through the tunnel"
	local report rate
	in_east iperf3 -s -1 -D --logfile /tmp/iperf3.log
	local tries=0
	until in_east ss -Hltn 'sport = 5201' | grep -q . || [ $tries -ge 100 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	report=$(in_west timeout 60 iperf3 -c 10.9.0.2 -t 3 -J) || fail "iperf3: $(jq -r .error <<<"$report")"
	rate=$(jq -r '.end.sum_received.bits_per_second | floor' <<<"$report")
	printf '$ iperf3 -c 10.9.0.2 -t 3\n%s\n' "$(jq -r '.end | "sent \(.sum_sent.bytes) bytes, received \(.sum_received.bytes) bytes, \(.sum_received.bits_per_second / 1e6 | floor) Mbit/s, \(.sum_sent.retransmits) retransmits"' <<<"$report")"
	[ "${rate:-0}" -gt 1000000 ] || fail "the stream is slower than 1 Mbit/s: $rate bit/s"
	ok "the stream flows"
}

check_counters() {
	title "counters"
	local ns direction count
	for ns in west east; do
		show ip -n $ns -s -s link show vx0
		for direction in rx tx; do
			count=$(counter $ns vx0 $direction)
			[ "$count" -ge 100 ] || fail "$ns counts only $count packets ($direction)"
		done
		[ "$(ip -n $ns -j -s link show vx0 | jq '.[0].stats64 | .rx.errors + .tx.errors')" = 0 ] ||
			fail "$ns counts errors"
	done
	ok "both devices count both directions, and no errors"
}

check_unload() {
	title "unloading with the devices there and up"
	show rmmod vxlan || fail "rmmod failed"
	[ ! -d /sys/module/vxlan ] || fail "the module is still there"
	ok "the module is gone"
	if ip -n west link show vx0 >/dev/null 2>&1 || ip -n east link show vx0 >/dev/null 2>&1; then
		fail "a device outlived its module"
	fi
	ok "and so are its devices"
}

check_module
make_underlay
make_overlay
check_links
check_ping
check_learning
check_stream
check_counters
check_unload
printf '\ndemo: all is as it should be (%d checks, driver: %s)\n' "$checks" "${VXLAN_DRIVER:-unknown}"
