// Clients' messages, generated: what clients send, what no client sends, and both with bytes changed, removed and added.
// Used by tests that compare the tracker with JSON.parse, and with another build of itself.
import type { randomWords } from '../support/random.ts'

const ID_BYTES = 20

/** Bytes that mean something, to JSON or to UTF-8; each can replace or follow any other. */
const SIGNS = Buffer.from(
  `{}[]",:\\/ \n\t0123456789.eE+-truefalsn\u0000\u001f\u007f`
    .concat('\\u00e9\\ud83d\\"')
    .concat('\u0080\u00ff\u0100\u07ff\u0800\ud7ff\ue000\uffff\ud83d\ude00'),
)
const WRONG_BYTES = [0x80, 0xbf, 0xc0, 0xc1, 0xc2, 0xe0, 0xed, 0xa0, 0xf0, 0xf4, 0x90, 0xf5, 0xff]

export class Generated {
  private readonly random: ReturnType<typeof randomWords>

  constructor(random: ReturnType<typeof randomWords>) {
    this.random = random
  }

  below(limit: number): number {
    return this.random() % limit
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)]
  }

  id(length = ID_BYTES): string {
    const plain = this.below(3) === 0
    const codes = Array.from({ length }, () => (plain ? 0x61 + this.below(26) : this.below(256)))
    return String.fromCharCode(...codes)
  }

  /** As the tests of single messages have it: mostly right. */
  message(hashes: readonly string[], peers: readonly string[]): string {
    const kind = this.below(10)
    if (kind === 0) return this.text(this.scrape(hashes))
    if (kind === 1) return this.text(this.answer(hashes, peers))
    if (kind === 2) return this.text(this.anything(3))
    return this.text(this.announce(hashes, peers))
  }

  announce(hashes: readonly string[], peers: readonly string[]): object {
    const offers = Array.from({ length: this.below(4) }, () => this.offer())
    return this.some({
      action: this.below(30) === 0 ? this.anything(1) : 'announce',
      info_hash: this.mostly(this.pick(hashes)),
      peer_id: this.mostly(this.pick(peers)),
      event: this.pick(['started', 'started', 'stopped', 'completed', 'update', '', null, 7]),
      left: this.pick([0, 0, 1, 100, -1, 0.5, 1e300, null, '0', [0]]),
      uploaded: this.below(1000),
      numwant: this.anything(1),
      offers: this.below(20) === 0 ? this.anything(2) : offers,
    })
  }

  scrape(hashes: readonly string[]): object {
    const list = Array.from({ length: this.below(5) }, () => this.mostly(this.pick(hashes)))
    return this.some({
      action: 'scrape',
      info_hash: this.below(2) === 0 ? this.mostly(this.pick(hashes)) : list,
    })
  }

  answer(hashes: readonly string[], peers: readonly string[]): object {
    return this.some({
      action: 'announce',
      info_hash: this.mostly(this.pick(hashes)),
      peer_id: this.mostly(this.pick(peers)),
      to_peer_id: this.mostly(this.pick(peers)),
      offer_id: this.mostly(this.id()),
      answer: this.below(10) === 0 ? this.anything(2) : { type: 'answer', sdp: this.sdp() },
    })
  }

  offer(): unknown {
    if (this.below(12) === 0) return this.anything(2)
    const offer = { offer: { type: 'offer', sdp: this.sdp() }, offer_id: this.mostly(this.id()) }
    return this.below(5) === 0 ? this.some({ ...offer, more: this.anything(1) }) : offer
  }

  /** JSON in one of its spellings. */
  text(value: unknown): string {
    const text = JSON.stringify(value, null, this.below(6) === 0 ? 1 : 0)
    if (this.below(4) > 0) return text
    // Any character may be written as an escape, inside of strings.
    return text.replace(/[a-z\u0080-\uffff]/g, (character) => {
      return this.below(20) > 0 || /[a-z]/.test(character)
        ? character
        : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
    })
  }

  /** Up to three changes of single bytes, or a part that is missing. */
  changed(message: Uint8Array): Uint8Array {
    const bytes = [...message]
    for (let left = 1 + this.below(3); left > 0; left--) {
      const at = this.below(bytes.length + 1)
      const sign = this.below(3) === 0 ? this.pick(WRONG_BYTES) : SIGNS[this.below(SIGNS.length)]
      const way = this.below(8)
      if (way === 0) bytes.length = at
      else if (way === 1) bytes.splice(at, 1 + this.below(4))
      else if (way < 5) bytes.splice(at, 1, sign)
      else bytes.splice(at, 0, sign)
    }
    return Uint8Array.from(bytes)
  }

  private mostly(id: string): unknown {
    const kind = this.below(40)
    if (kind === 0) return this.anything(1)
    if (kind === 1) return this.id(this.below(70))
    return kind === 2 ? `${id.slice(1)}\u0100` : id
  }

  private sdp(): string {
    const line = this.pick([
      'v=0\r\n',
      'a=\u20ac\r\n',
      '\ud83d\ude00',
      '"\\/',
      'candidate:1 1 udp\r\n',
    ])
    return line.repeat(this.below(12))
  }

  /** Most of the fields, in some order. */
  private some(fields: object): object {
    const entries = Object.entries(fields).filter(() => this.below(25) > 0)
    if (this.below(3) > 0) return Object.fromEntries(entries)
    return Object.fromEntries(entries.toSorted(() => this.below(3) - 1))
  }

  private anything(depth: number): unknown {
    const kind = this.below(depth === 0 ? 7 : 9)
    if (kind === 7) return Array.from({ length: this.below(4) }, () => this.anything(depth - 1))
    if (kind === 8) return { [this.id(3)]: this.anything(depth - 1), a: this.anything(depth - 1) }
    return [null, true, false, this.below(2000) - 1000, 1.5e-7, this.id(this.below(30)), ''][kind]
  }
}
