# SPDX-License-Identifier: GPL-2.0-only
"""The topology of `make run` and `make tour`: who stands on which cable, and the commands that make it.

    tlk 10.0.0.1 ──┐                  ┌── tlk2 10.2.0.1
                   segment 0 ─ router ─ segment 2
    linux 10.0.0.2 ┘   10.0.0.254  10.2.0.254  └── far 10.2.0.2

`tlk`, `router` and `tlk2` speak AF_EDUINET, `linux` and `far` the IPv4 of this kernel. The second cable
takes 600 octets. Hardware addresses are fixed, so that what is shown is the same each time.

A stage is a list of (host, command of the shell); the host None is the machine itself.
"""

TLK, LINUX = "10.0.0.1", "10.0.0.2"
ROUTER, ROUTER2, TLK2, FAR = "10.0.0.254", "10.2.0.254", "10.2.0.1", "10.2.0.2"
NAMES = ("tlk", "linux", "router", "tlk2", "far")

HOSTS = [(None, "ip netns add tlk && ip netns add linux")]
STATIONS = [
    ("tlk", "edu link add e0 type eduinet segment 0 address 02:00:00:00:00:01 up"),
    ("linux", "edu link add e0 type eduinet segment 0 address 02:00:00:00:00:02 up"),
    ("linux", "ip link set lo up"),
]
ADDRESSES = [("tlk", f"edu addr add {TLK}/24 dev e0"), ("linux", f"ip addr add {LINUX}/24 dev e0")]
SECOND_HOSTS = [(None, "for host in router tlk2 far; do ip netns add $host; done")]
SECOND_STATIONS = [
    ("router", "edu link add e0 segment 0 address 02:00:00:00:00:fe up && "
               "edu link add e1 segment 2 mtu 600 address 02:00:00:00:02:fe up"),
    ("tlk2", "edu link add e0 segment 2 mtu 600 address 02:00:00:00:02:01 up"),
    ("far", "edu link add e0 segment 2 mtu 600 address 02:00:00:00:02:02 up && ip link set lo up"),
]
SECOND_ADDRESSES = [
    ("router", f"edu addr add {ROUTER}/24 dev e0 && edu addr add {ROUTER2}/24 dev e1"),
    ("tlk2", f"edu addr add {TLK2}/24 dev e0 && edu route add default via {ROUTER2}"),
    ("far", f"ip addr add {FAR}/24 dev e0 && ip route add default via {ROUTER2}"),
]
FORWARDING = [("router", "edu link set all forwarding on")]
DEFAULT_ROUTES = [
    ("tlk", f"edu route add default via {ROUTER}"),
    ("linux", f"ip route add default via {ROUTER}"),
]
# Linux asks again whom it spoke to five seconds ago, in the middle of something else.
NO_SECOND_QUESTIONS = [
    (host, "echo 3600 >/proc/sys/net/ipv4/neigh/e0/delay_first_probe_time") for host in ("linux", "far")
]
# Everything, for those who begin with a whole network.
ALL = [
    *HOSTS, *SECOND_HOSTS, *STATIONS, *SECOND_STATIONS, *ADDRESSES, *SECOND_ADDRESSES, *FORWARDING, *DEFAULT_ROUTES,
    *NO_SECOND_QUESTIONS,
]

