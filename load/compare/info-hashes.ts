// The info hashes aquatic_udp_load_test 0.9 announces, for trackers that only serve a list of them.
// Used by start.ts (opentracker's white list).
//
// The generator draws them byte by byte from xoshiro256++ (public domain, Blackman and Vigna) with a
// fixed seed, so they are the same in every run. Its 32-byte state is filled from the seed by eight
// outputs of PCG32. A generator built otherwise would show as error responses in the table.

/** The seed and the count are the generator's own constants. */
const SEED = 0xc3aa8be617b3accen
const TORRENTS = 1_000_000
const HASH_BYTES = 20

const PCG_MULTIPLIER = 6364136223846793005n
const PCG_INCREMENT = 11634580027462260723n
const U64 = 0xffffffffffffffffn

/** One info hash per line in hexadecimal, as opentracker reads its lists. */
export function infoHashLines(torrents = TORRENTS): Uint8Array {
  const bytes = randomBytes(torrents * HASH_BYTES)
  const lineBytes = HASH_BYTES * 2 + 1
  const text = new Uint8Array(torrents * lineBytes)
  const digits = new TextEncoder().encode('0123456789abcdef')
  let at = 0
  for (let i = 0; i < bytes.length; i++) {
    text[at++] = digits[bytes[i] >>> 4]
    text[at++] = digits[bytes[i] & 15]
    if (i % HASH_BYTES === HASH_BYTES - 1) text[at++] = 10
  }
  return text
}

// Words of the state: s0 low, s0 high, s1 low, … Each byte is the lowest of an output's upper half.
function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count)
  const s = seedWords(SEED)
  for (let i = 0; i < count; i++) bytes[i] = nextHigh(s) & 255
  return bytes
}

function seedWords(seed: bigint): Uint32Array {
  const words = new Uint32Array(8)
  let state = seed
  for (let i = 0; i < words.length; i++) {
    state = (state * PCG_MULTIPLIER + PCG_INCREMENT) & U64
    const shifted = Number((((state >> 18n) ^ state) >> 27n) & 0xffffffffn)
    const turn = Number(state >> 59n)
    words[i] = (shifted >>> turn) | (shifted << (-turn & 31))
  }
  return words
}

/** Advances xoshiro256++ and returns the upper 32 bits of rotl(s0 + s3, 23) + s0. */
function nextHigh(s: Uint32Array): number {
  const s0l = s[0]
  const s0h = s[1]
  const s1l = s[2]
  const s1h = s[3]
  const sumLow = s0l + s[6]
  const sumHigh = (s0h + s[7] + (sumLow > 0xffffffff ? 1 : 0)) >>> 0
  const turnedLow = ((sumLow << 23) | (sumHigh >>> 9)) >>> 0
  const turnedHigh = ((sumHigh << 23) | ((sumLow >>> 0) >>> 9)) >>> 0
  const result = (turnedHigh + s0h + (turnedLow + s0l > 0xffffffff ? 1 : 0)) >>> 0

  s[4] ^= s0l
  s[5] ^= s0h
  s[6] ^= s1l
  s[7] ^= s1h
  s[2] = s1l ^ s[4]
  s[3] = s1h ^ s[5]
  s[0] = s0l ^ s[6]
  s[1] = s0h ^ s[7]
  s[4] ^= s1l << 17
  s[5] ^= (s1h << 17) | (s1l >>> 15)
  // Turned left by 45: the halves change places, then 13 more.
  const low = s[7]
  const high = s[6]
  s[6] = (low << 13) | (high >>> 19)
  s[7] = (high << 13) | (low >>> 19)
  return result
}
