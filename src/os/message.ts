// The kernel's message headers as words in memory, for the batch calls. Used by packet-batch.ts and
// packet-train.ts.

// struct mmsghdr in words: 0–1 name │ 2 name length │ 4–5 iovec │ 6 iovec count │ 8–9 control
// │ 10 control length │ 12 flags │ 14 message length
export const HEADER_WORDS = 16
export const HEADER_BYTES = HEADER_WORDS * 4
export const HEADER_NAME = 0
export const HEADER_NAME_LENGTH = 2
export const HEADER_IOVEC = 4
export const HEADER_IOVECS = 6
export const HEADER_CONTROL = 8
export const HEADER_CONTROL_LENGTH = 10
export const HEADER_LENGTH = 14

// struct iovec in words: 0–1 base │ 2–3 length
export const IOVEC_WORDS = 4
export const IOVEC_LENGTH = 2

export const MSG_DONTWAIT = 0x40
export const EINTR = 4
export const EAGAIN = 11
