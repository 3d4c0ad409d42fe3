// The meaning of bytes of JSON in UTF-8. Called by scan.ts for each string of a message.

export const SPACE = 32
export const QUOTE = 34
export const BACKSLASH = 92

// The lowest byte of each kind in UTF-8: continuation bytes, and the first byte of two, three and four.
export const FOLLOWING = 0x80
export const FIRST_OF_2 = 0xc0
export const FIRST_OF_3 = 0xe0
export const FIRST_OF_4 = 0xf0
/** The first byte of U+D000 to U+DFFF, and the last that a character begins with. */
const FIRST_OF_SURROGATES = 0xed
const FIRST_OF_LAST = 0xf4

// Characters from here on take two units of UTF-16.
export const BEYOND_UTF16 = 0x10000
export const FIRST_SURROGATE = 0xd800
export const SECOND_SURROGATE = 0xdc00

// Four bytes in a word, for `special`.
const HIGH_BITS = 0x80808080 | 0
const ONES = 0x01010101
const QUOTES = 0x22222222
const BACKSLASHES = 0x5c5c5c5c
const SPACES = 0x20202020

// The meaning of each character after a backslash; 0 = not allowed.
export const ESCAPES = new Uint8Array(256)
for (const [character, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t']) {
  ESCAPES[character.charCodeAt(0)] = meaning.charCodeAt(0)
}

/**
 * Values of hexadecimal digits; −1 for all others. A table, because a branch on digit or letter is
 * unpredictable.
 */
export const DIGITS = new Int8Array(256).fill(-1)
for (const digit of '0123456789abcdefABCDEF') {
  DIGITS[digit.charCodeAt(0)] = Number.parseInt(digit, 16)
}

/** How a byte stands in an id: alone, as the first of two up to U+00FF, or as anything else. */
export const ALONE = 0
export const OF_TWO = 1
export const OTHERWISE = 2
export const IN_ID = new Uint8Array(256).fill(OTHERWISE)
IN_ID.fill(ALONE, SPACE, FOLLOWING)
IN_ID[QUOTE] = OTHERWISE
IN_ID[BACKSLASH] = OTHERWISE
IN_ID.fill(OF_TWO, FIRST_OF_2 + 2, FIRST_OF_2 + 4)

// HOT: no allocation below this line.

/** How many bytes the character at `at` has, which begins with a byte from U+0080 on; 0 if it is none. */
export function sequenceAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at]
  if (first < FIRST_OF_2 + 2) return 0
  if (!isFollowing(bytes[at + 1])) return 0
  if (first < FIRST_OF_3) return 2
  const second = bytes[at + 1]
  if (!isFollowing(bytes[at + 2])) return 0
  if (first < FIRST_OF_4) {
    // Not what two bytes have room for, and no half of a pair of UTF-16.
    if (first === FIRST_OF_3 && second < 0xa0) return 0
    return first === FIRST_OF_SURROGATES && second >= 0xa0 ? 0 : 3
  }
  if (first > FIRST_OF_LAST || !isFollowing(bytes[at + 3])) return 0
  if (first === FIRST_OF_4 && second < 0x90) return 0
  // Nothing above U+10FFFF.
  return first === FIRST_OF_LAST && second >= 0x90 ? 0 : 4
}

function isFollowing(byte: number): boolean {
  return (byte & 0xc0) === FOLLOWING
}

/** Whether all bytes up to `to` are UTF-8. */
export function isUtf8(bytes: Uint8Array, from: number, to: number): boolean {
  let at = from
  while (at < to) {
    const size = bytes[at] < FOLLOWING ? 1 : sequenceAt(bytes, at)
    if (size === 0) return false
    at += size
  }
  // The last one may go on behind the end.
  return at === to
}

/** The character of `size` bytes, two or more. */
export function characterAt(bytes: Uint8Array, at: number, size: number): number {
  let value = bytes[at] & (0x7f >> size)
  for (let i = at + 1; i < at + size; i++) value = (value << 6) | (bytes[i] & 0x3f)
  return value
}

/**
 * The high bits of those of four bytes that are special in a string: quotes, backslashes, characters not
 * allowed in one, and non-ASCII. Only the lowest is reliable; it can make the next byte look special.
 */
export function special(word: number): number {
  const less = ((word ^ QUOTES) - ONES) | ((word ^ BACKSLASHES) - ONES) | (word - SPACES)
  return (less | word) & HIGH_BITS
}
