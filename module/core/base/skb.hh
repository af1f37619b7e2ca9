// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket buffers: the one owning handle through which the core holds a kernel sk_buff.
 *
 * TLK "Socket Buffers": head, data, tail and end; push() and pull() add and remove headers, put()
 * and trim() data at the end (SKB-1, SKB-2). A layer never copies the packet: it moves data.
 * An skb_ptr owns its buffer; one that goes out of scope frees it as the normal end of a packet.
 * A packet thrown away goes through drop() of verdict.hh instead, which counts and names it.
 *
 * Locking: none; a packet has one owner at a time.
 */
#pragma once

#include "base/endian.hh"
#include "base/memory.hh"

namespace edu {

namespace detail {

template <typename T>
inline T skb_field(const sk_buff *skb, size_t offset)
{
	return *reinterpret_cast<const T *>(reinterpret_cast<const char *>(skb) + offset);
}

} // namespace detail

/* Reading a buffer somebody owns. */
inline u8 *skb_data(const sk_buff *skb)
{
	return detail::skb_field<u8 *>(skb, EDU_OFFSETOF_SKB_DATA);
}

/* Octets from data to the packet's end, those that lie in page fragments included. */
inline u32 skb_len(const sk_buff *skb)
{
	return detail::skb_field<u32>(skb, EDU_OFFSETOF_SKB_LEN);
}

/* Octets of memory that the buffer is charged for. */
inline u32 skb_truesize(const sk_buff *skb)
{
	return detail::skb_field<u32>(skb, EDU_OFFSETOF_SKB_TRUESIZE);
}

/* Octets that can be read at data without edu_k_skb_may_pull(). */
inline u32 skb_linear_len(const sk_buff *skb)
{
	return skb_len(skb) - detail::skb_field<u32>(skb, EDU_OFFSETOF_SKB_DATA_LEN);
}

/* The octets that lie in a row from data on. */
inline bytes skb_bytes(const sk_buff *skb)
{
	return {skb_data(skb), skb_linear_len(skb)};
}

/* The sk_buff's scratch area as the layer's own structure (TLK's `proto_priv`). */
template <typename T>
inline T &skb_cb(sk_buff *skb)
{
	static_assert(sizeof(T) <= EDU_SKB_CB_SIZE && alignof(T) <= 8);
	return *reinterpret_cast<T *>(reinterpret_cast<char *>(skb) + EDU_OFFSETOF_SKB_CB);
}

class skb_ptr {
public:
	constexpr skb_ptr() = default;
	/* Takes ownership. */
	explicit skb_ptr(sk_buff *skb) : skb_{skb} {}
	skb_ptr(skb_ptr &&other) : skb_{other.release()} {}
	skb_ptr &operator=(skb_ptr &&other)
	{
		if (this != &other) {
			reset();
			skb_ = other.release();
		}
		return *this;
	}
	~skb_ptr() { reset(); }

	/* A linear buffer, or none: test it. */
	[[nodiscard]] static skb_ptr alloc(u32 headroom, u32 size, gfp how)
	{
		return skb_ptr{edu_k_skb_alloc(headroom, size, static_cast<unsigned int>(how))};
	}

	explicit operator bool() const { return skb_; }
	sk_buff *get() const { return skb_; }
	[[nodiscard]] sk_buff *release() { return std::exchange(skb_, nullptr); }

	u8 *data() const { return skb_data(skb_); }
	u32 len() const { return skb_len(skb_); }
	bytes linear() const { return skb_bytes(skb_); }
	template <typename T>
	T &cb() const
	{
		return skb_cb<T>(skb_);
	}

	/* TLK's four. push and put need the room, pull and trim the octets: callers have checked. */
	u8 *push(u32 n) { return edu_k_skb_push(skb_, n); }
	u8 *pull(u32 n) { return edu_k_skb_pull(skb_, n); }
	u8 *put(u32 n) { return edu_k_skb_put(skb_, n); }
	[[nodiscard]] bool trim(u32 len) { return edu_k_skb_trim(skb_, len) == 0; }

	/* The first n octets can be read at data(); false when there are fewer or no memory. */
	[[nodiscard]] bool may_pull(u32 n) const
	{
		return skb_linear_len(skb_) >= n || edu_k_skb_may_pull(skb_, n);
	}

	/* The headers may be written and have that much room in front. */
	[[nodiscard]] bool make_writable(u32 headroom)
	{
		return edu_k_skb_cow(skb_, headroom) == 0;
	}

private:
	void reset()
	{
		if (skb_)
			edu_k_skb_consume(skb_);
		skb_ = nullptr;
	}

	sk_buff *skb_ = nullptr;
};

/* Packets that wait, oldest first; its holder's lock guards it. Dropping it frees them. */
class skb_queue {
public:
	skb_queue() = default;
	skb_queue(skb_queue &&other) : queue_{std::exchange(other.queue_, {})} {}
	skb_queue &operator=(skb_queue &&) = delete;
	~skb_queue()
	{
		while (pop())
			;
	}

	bool empty() const { return !queue_.first; }
	u32 length() const { return queue_.length; }
	edu_skb_queue *get() { return &queue_; }
	void push(skb_ptr packet) { edu_k_skb_queue_tail(&queue_, packet.release()); }
	/* The packets of a large buffer (GSO), each with its own header; false: there was no way. */
	[[nodiscard]] bool take_apart(skb_ptr large)
	{
		return edu_k_skb_segment(large.release(), &queue_) == 0;
	}
	[[nodiscard]] skb_ptr pop() { return skb_ptr{edu_k_skb_dequeue(&queue_)}; }

private:
	edu_skb_queue queue_{};
};

} // namespace edu
