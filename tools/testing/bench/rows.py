# SPDX-License-Identifier: GPL-2.0
"""The rows of the table, in its order: key, what is measured, and for what unit."""

ROWS = {
    "tx-v4-60": ("transmit, IPv4, 60 octets", "per packet"),
    "tx-v4-1396": ("transmit, IPv4, 1396 octets", "per packet"),
    "tx-v6-zero": ("transmit, IPv6, zero checksum", "per packet"),
    "tx-v6-csum": ("transmit, IPv6, checksum", "per packet"),
}
