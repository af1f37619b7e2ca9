// SPDX-License-Identifier: GPL-2.0-only
/*
 * A token bucket: so many of something in so much time, with a burst allowed.
 *
 * TLK's stack limited its ICMP errors so that a flood is not answered by a flood.
 * Requirements: IP-10; RFC 1812 4.3.2.8 (rate limiting of ICMP errors).
 *
 * Locking: none of its own; the caller holds the lock of whatever the bucket is part of. Time is
 * a millisecond clock that does not go back, passed in, so that tests own it.
 */
#pragma once

#include "base/endian.hh"

namespace edu {

class token_bucket {
public:
	/*
	 * @tokens every @period milliseconds on average, at most @burst at once; it starts full.
	 * A @period of 0 means no limit; @tokens of 0, that the burst is all there ever is.
	 */
	constexpr token_bucket(u32 tokens, u32 period, u32 burst, u64 now = 0)
		: tokens_{tokens},
		  period_{period},
		  burst_{burst},
		  filled_at_{now},
		  credit_{u64{burst} * period}
	{
	}

	/* Takes a token if there is one. @now in milliseconds. */
	[[nodiscard]] constexpr bool take(u64 now)
	{
		if (!period_)
			return true;
		fill(now);
		if (credit_ < period_)
			return false;
		credit_ -= period_;
		return true;
	}

	/* Whole tokens there at the last take(). */
	constexpr u64 left() const { return period_ ? credit_ / period_ : burst_; }

private:
	constexpr void fill(u64 now)
	{
		u64 full = u64{burst_} * period_;
		u64 elapsed = now > filled_at_ ? now - filled_at_ : 0;
		u64 earned;

		if (now > filled_at_)
			filled_at_ = now;
		if (__builtin_mul_overflow(elapsed, u64{tokens_}, &earned) ||
		    earned >= full - credit_)
			credit_ = full;
		else
			credit_ += earned;
	}

	u32 tokens_;	/* earned in a period */
	u32 period_;	/* ms */
	u32 burst_;	/* tokens the bucket holds */
	u64 filled_at_; /* ms; when credit_ was last brought up to date */
	u64 credit_;	/* in 1/period_ of a token: nothing is lost to rounding */
};

} // namespace edu
