# SPDX-License-Identifier: GPL-2.0
"""Numbers as they are shown."""


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def ratio(stock, ours):
    return f"{ours / stock:.3f}" if stock and ours is not None else "-"
