// Seeded random numbers of the load testers: the same seed gives the same torrents, peers and mix.
// Used by the populations, and by the generators once per request. Not for secrets.

const TWO_32 = 4294967296

/** sfc32 (public domain, Chris Doty-Humphrey): 128 bits of state, a few operations per number. */
export class Random {
  private a: number
  private b: number
  private c: number
  private counter = 1

  /** Different `stream`s of one seed have nothing in common. */
  constructor(seed: number, stream: number) {
    this.a = seed | 0
    this.b = stream | 0
    this.c = mix(seed ^ mix(stream))
    for (let i = 0; i < 12; i++) this.next()
  }

  /** From 0 to 1, both excluded, with 32 bits. */
  unit(): number {
    return ((this.next() >>> 0) + 0.5) / TWO_32
  }

  /** Standard normal, by Marsaglia's polar method. */
  private normal(): number {
    for (;;) {
      const x = this.unit() * 2 - 1
      const y = this.unit() * 2 - 1
      const r = x * x + y * y
      if (r < 1 && r > 0) return x * Math.sqrt((-2 * Math.log(r)) / r)
    }
  }

  /** Gamma-distributed with scale 1 (Marsaglia and Tsang 2000; below shape 1 with their boost). */
  gamma(shape: number): number {
    if (shape < 1) return this.gamma(shape + 1) * this.unit() ** (1 / shape)
    const d = shape - 1 / 3
    const c = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = this.normal()
      const v = (1 + c * x) ** 3
      if (v > 0 && Math.log(this.unit()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
    }
  }

  // HOT: no allocation below this line.

  /** 32 random bits, as a signed number. */
  next(): number {
    const sum = (this.a + this.b + this.counter) | 0
    this.counter = (this.counter + 1) | 0
    this.a = this.b ^ (this.b >>> 9)
    this.b = (this.c + (this.c << 3)) | 0
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0
    return sum
  }

  /** From 0 to `end` − 1. The bias towards some numbers is below `end` ÷ 2^32. */
  below(end: number): number {
    return Math.floor(((this.next() >>> 0) * end) / TWO_32)
  }
}

/** Spreads a number's bits over 32, and no two numbers get the same (MurmurHash3's finaliser, public domain). */
export function mix(number: number): number {
  let x = number | 0
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return x ^ (x >>> 16)
}
