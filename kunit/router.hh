// SPDX-License-Identifier: GPL-2.0-only
/*
 * A router between two cables, for the tests of forwarding.
 *
 * Locking: none. Tests run one after the other.
 */
#pragma once

#include "frames.hh"
#include "stack.hh"

namespace edu::test {

/* The ICMP message in a captured frame; the frame must hold one. */
inline wire::icmp::view icmp_of(bytes frame)
{
	return wire::icmp::view::checked(payload_of(frame)).header;
}

/* Sets conf/DEVICE/NAME. */
inline void set(host &h, int ifindex, edu_iface_tunable which, u32 value)
{
	rtnl_guard rtnl;
	edu_u32 *values = edu_core_iface_tunables(find_iface(*h.stack(), ifindex));

	values[which] = value;
	edu_core_iface_tunable_written(h.stack(), values, which);
}

/* Sets conf/all/NAME. */
inline void set_all(host &h, edu_iface_tunable which, u32 value)
{
	rtnl_guard rtnl;
	edu_u32 *values = edu_core_all_iface_tunables(h.stack());

	values[which] = value;
	edu_core_iface_tunable_written(h.stack(), values, which);
}

/*
 * 10.0.0.1/24 on `near`, 10.1.0.1/24 on `far`; r is .254 on both, and forwards. Station 9 is ours to
 * play, 10.0.0.9 on `near`, and r knows it.
 */
class routed {
	nothing_left check_;

public:
	class cable near, far;
	host a, r, b;
	int in = 0, out = 0; /* r's interfaces */

	routed()
	{
		a.plug(near, 1);
		a.add_address(ip4(10, 0, 0, 1), 24);
		in = r.plug(near, 0xa);
		r.add_address(ip4(10, 0, 0, 254), 24);
		out = r.plug(far, 0xb);
		r.add_address(ip4(10, 1, 0, 254), 24);
		b.plug(far, 2);
		b.add_address(ip4(10, 1, 0, 1), 24);
		a.add_route({}, 0, ip4(10, 0, 0, 254));
		b.add_route({}, 0, ip4(10, 1, 0, 254));
		set_all(r, EDU_IFACE_forwarding, 1);
		know_stranger();
		settle();
		clear();
	}
	routed(const routed &) = delete;

	void know_stranger()
	{
		edu_neigh_info info = {};

		info.ip = ip4(10, 0, 0, 9).raw();
		info.ifindex = in;
		info.hardware_address[0] = 2;
		info.hardware_address[5] = 9;
		info.hardware_len = 6;
		info.state = 0x80; /* NUD_PERMANENT */
		rtnl_guard rtnl;
		EXPECT_EQ(edu_core_config_neigh_add(r.stack(), &info, EDU_CONFIG_CREATE), 0);
	}

	/* A datagram of station 9 for port 7 of b, through r. */
	static handmade transit(wire::ipv4::repr ip, bytes options = {}, u8 to = 0xa)
	{
		static constexpr u8 datagram[] = {0x30, 0x39, 0, 7, 0, 11, 0, 0, 't', 'l', 'k'};

		if (ip.src == be32{})
			ip.src = ip4(10, 0, 0, 9);
		if (ip.dst == be32{})
			ip.dst = ip4(10, 1, 0, 1);
		ip.protocol = ip.protocol ? ip.protocol : udp_protocol_number;
		return ip_frame(9, to, ip, datagram, options);
	}
	void arrive(const handmade &frame)
	{
		edu_t_inject(r.get(), in, frame.octet, static_cast<u32>(frame.length));
		settle();
	}
	/* The nth IP frame that r has sent on that cable, or nothing. */
	static bytes sent(const class cable &c, u32 nth = 0)
	{
		for (u32 i = 0; i < c.frames(ethertype_ip); i++) {
			bytes frame = c.frame(ethertype_ip, i);

			if ((frame[11] == 0xa || frame[11] == 0xb) && !nth--)
				return frame;
		}
		return {};
	}
	static u32 count(const class cable &c)
	{
		u32 n = 0;

		while (!sent(c, n).empty())
			n++;
		return n;
	}

	void settle() { edu_t_run(0); }
	void run_for(u32 ms) { edu_t_run(ms); }
	void clear()
	{
		near.clear();
		far.clear();
	}
};

/* r must drop the frame under that name, say nothing and send nothing. */
inline void expect_silent_drop(routed &w, const handmade &frame, edu_counter counter)
{
	u64 before = w.r.counter(counter);

	w.clear();
	w.arrive(frame);
	EXPECT_EQ(w.r.counter(counter), before + 1);
	EXPECT_EQ(w.count(w.near), 0u);
	EXPECT_EQ(w.count(w.far), 0u);
}

/* r must drop the frame under that name and tell its sender so, from its own address there. */
inline wire::icmp::view expect_told(routed &w, const handmade &frame, edu_counter counter)
{
	u64 before = w.r.counter(counter);

	w.clear();
	w.arrive(frame);
	EXPECT_EQ(w.r.counter(counter), before + 1);
	EXPECT_EQ(w.count(w.far), 0u);
	EXPECT_EQ(w.count(w.near), 1u);
	if (w.count(w.near) == 0)
		return wire::icmp::view::checked({}).header;
	bytes told = w.sent(w.near);

	EXPECT_EQ(ip_of(told).src(), ip4(10, 0, 0, 254));
	EXPECT_EQ(ip_of(told).dst(), ip4(10, 0, 0, 9));
	EXPECT_EQ(ip_of(told).tos() & 0xe0, 0xc0);
	return icmp_of(told);
}

} // namespace edu::test
