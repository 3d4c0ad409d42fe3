// What the heads of HTTP requests are made of: the bytes that structure them, how long they may be, and comparing
// bytes with texts. Used by read-head.ts, and by the protocols for what is theirs in a head.

/** 255 info hashes take 15.5 KB of a request line when three of four bytes are percent-encoded, as random ones are. */
export const LINE_BYTES_MAX = 16384
/** The whole head: browsers and proxies send 1 to 4 KB of header fields. */
export const HEAD_BYTES_MAX = LINE_BYTES_MAX + 8192

export const TAB = 9
export const LF = 10
export const CR = 13
export const SPACE = 0x20
export const COMMA = 0x2c
export const SLASH = 0x2f
export const DIGIT_0 = 0x30
export const DIGIT_9 = 0x39
export const COLON = 0x3a
export const EQUALS = 0x3d
export const QUESTION_MARK = 0x3f
export const DELETE = 0x7f
/** Makes a letter lowercase. */
export const SMALL = 0x20

/** An ASCII text as bytes. */
export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function tableOf(isIn: (byte: number, text: string) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) =>
    isIn(byte, String.fromCharCode(byte)) ? 1 : 0,
  )
}

/** Bytes of a token: methods and names of header fields (RFC 9110, 5.6.2). */
export const TOKEN = tableOf((_, text) => /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(text))

// HOT: no allocation below this line.

/** Whether the bytes from `at` to `end` are those of `text`. */
export function isText(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (end - at !== text.length) return false
  for (let i = 0; i < text.length; i++) if (bytes[at + i] !== text[i]) return false
  return true
}

/** The same for a token in any case; `text` is in lower case. */
export function isToken(bytes: Uint8Array, at: number, end: number, text: Uint8Array): boolean {
  if (end - at !== text.length) return false
  for (let i = 0; i < text.length; i++) {
    const byte = bytes[at + i]
    if ((byte >= 0x41 && byte <= 0x5a ? byte | SMALL : byte) !== text[i]) return false
  }
  return true
}

/** The position behind spaces and tabs, at most `to`. */
export function skipSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && (bytes[at] === SPACE || bytes[at] === TAB)) at++
  return at
}

/** The position behind the last byte that is no space or tab, at least `from`. */
export function trimmedEnd(bytes: Uint8Array, from: number, to: number): number {
  let end = to
  while (end > from && (bytes[end - 1] === SPACE || bytes[end - 1] === TAB)) end--
  return end
}
