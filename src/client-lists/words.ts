// The words of a list's lines. Used by the readers of list files here.

const HASH_SIGN = 35
const SPACE = 32

/** The end of a run of bytes that are neither white space nor the start of a comment. */
export function wordEnd(part: Buffer, from: number, to: number): number {
  let at = from
  while (at < to && part[at] > SPACE && part[at] !== HASH_SIGN) at++
  return at
}

export function isIn(part: Buffer, from: number, to: number, byte: number): boolean {
  for (let at = from; at < to; at++) if (part[at] === byte) return true
  return false
}
