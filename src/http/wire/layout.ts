// Sizes of HTTP requests and answers that are not settings, and bytes of what a query holds. Used by query,
// serialize, and where memory is allocated; those of any head are in http-head/layout.ts.

/** The most info hashes read from a scrape: as many as fit a packet of BEP 15. */
export const SCRAPE_HASHES_MAX = 255

/** The most peers in an answer; clients ask for 200. */
export const RESPONSE_PEERS_MAX = 255

/** Room for the largest answer: 255 torrents of a scrape, at about 100 bytes each. */
export const ANSWER_BYTES_MAX = 32768

export const INFO_HASH_BYTES = 20
export const INFO_HASH_WORDS = INFO_HASH_BYTES / 4

export const PERCENT = 0x25
export const AMPERSAND = 0x26

/** The value of a hexadecimal digit, −1 for other bytes. */
export const HEX = Int8Array.from({ length: 256 }, (_, byte) => {
  const text = String.fromCharCode(byte)
  return /[0-9A-Fa-f]/.test(text) ? Number.parseInt(text, 16) : -1
})
