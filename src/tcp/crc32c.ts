// The checksum CRC32c (Castagnoli) of a header of the PROXY protocol, computed as if its own field held zeros. Called
// by proxy-header.ts. Owns its table.

export const CRC32C_BYTES = 4
const POLYNOMIAL = 0x82f63b78

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte
  for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ ((sum & 1) * POLYNOMIAL)
  return sum
})

// HOT: no allocation below this line.

/** Of the bytes from `from` to `to`, with zeros for those of the field at `field`. */
export function crc32c(bytes: Uint8Array, from: number, to: number, field: number): number {
  let sum = -1
  for (let at = from; at < to; at++) {
    const byte = at >= field && at < field + CRC32C_BYTES ? 0 : bytes[at]
    sum = TABLE[(sum ^ byte) & 0xff] ^ (sum >>> 8)
  }
  return ~sum
}
