// Peer ids as words in memory. Used by the tests of census/.
import type { Tally } from '../../src/census/tally.ts'

/** The first two words of a peer id that begins with these eight characters. */
export function idWords(start: string): readonly [number, number] {
  const bytes = Buffer.from(start, 'latin1')
  return [bytes.readInt32LE(0), bytes.readInt32LE(4)]
}

export function add(tally: Tally, start: string, peers: number): void {
  tally.add(...idWords(start), peers)
}
