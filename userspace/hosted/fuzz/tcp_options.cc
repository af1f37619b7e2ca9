// SPDX-License-Identifier: GPL-2.0-only
/*
 * Fuzz target: TCP's options, from the octets behind the header, read by each of the two ways there are and
 * by a third one here (TCP-3; RFC 9293 MUST-4 to MUST-7, RFC 2018, RFC 7323).
 *
 * The first octet of an input says whether the segment is a SYN.
 * Locking: none.
 */
#include "fuzz.hh"
#include "transport/tcp_input.hh"
#include "wire/tcp.hh"

using namespace edu;
namespace tcp = wire::tcp;

namespace {

/* Octet by octet, as the RFCs say it. */
tcp::options read_plainly(bytes in, bool is_syn)
{
	tcp::options all;
	std::size_t at = 0;

	while (at < in.size()) {
		const u8 kind = in[at];

		if (kind == 0)
			break;
		if (kind == 1) {
			at++;
			continue;
		}
		if (at + 1 == in.size() || in[at + 1] < 2 || at + in[at + 1] > in.size()) {
			all.malformed = true;
			break;
		}
		const std::size_t len = in[at + 1];

		if (kind == 2 && len == 4 && is_syn)
			all.mss = static_cast<u16>(in[at + 2] << 8 | in[at + 3]);
		if (kind == 3 && len == 3 && is_syn) {
			all.has_window_scale = true;
			all.window_scale = in[at + 2] > 14 ? 14 : in[at + 2];
		}
		if (kind == 4 && len == 2 && is_syn)
			all.sack_permitted = true;
		if (kind == 8 && len == 10) {
			all.has_timestamps = true;
			all.ts_value = load_be32(&in[at + 2]);
			all.ts_echo = load_be32(&in[at + 6]);
		}
		at += len;
	}
	return all;
}

void same_but_for_sacks(const tcp::options &a, const tcp::options &b)
{
	fuzz::require(a.mss == b.mss && a.has_window_scale == b.has_window_scale &&
		      a.window_scale == b.window_scale && a.sack_permitted == b.sack_permitted &&
		      a.has_timestamps == b.has_timestamps && a.ts_value == b.ts_value &&
		      a.ts_echo == b.ts_echo && a.malformed == b.malformed);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (!size)
		return 0;
	const bool is_syn = data[0] & 1;
	const bytes in{data + 1, size - 1 < 40 ? size - 1 : 40};
	const tcp::options slow = tcp::options::parse(in, is_syn);
	const tcp::options quick = tcp_decode_options(in, is_syn);

	same_but_for_sacks(slow, read_plainly(in, is_syn));
	same_but_for_sacks(quick, slow);
	fuzz::require(slow.sack_count <= tcp::options::max_sack &&
		      slow.sack_count == quick.sack_count);
	for (u32 i = 0; i < slow.sack_count; i++)
		fuzz::require(slow.sack[i].left == quick.sack[i].left &&
			      slow.sack[i].right == quick.sack[i].right);
	fuzz::require(slow.length() <= 40 && slow.length() % 4 == 0);
	return 0;
}
