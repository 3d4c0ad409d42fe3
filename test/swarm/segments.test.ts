// A large swarm that goes below the border of a segment and comes back: what was given back meanwhile is used
// by others. Buckets are joined at far fewer peers than they are split at, so the way is long.
import { describe, expect, test } from 'bun:test'
import { DIRECTORY_OWN_MAX, SEGMENT_MASK } from '../../src/swarm/layout.ts'
import { SET_SPLIT_LOAD } from '../../src/swarm/peers/large.ts'
import { FAMILIES, Harness } from './harness.ts'
import { checkInvariants } from './invariants.ts'

/** With fewer peers than this per bucket the last one is joined. */
const JOIN_LOAD = 12
const T = 0

describe.each(FAMILIES)('%s large swarms', (family) => {
  test.each([
    ['the directory itself', DIRECTORY_OWN_MAX],
    ['its first segment', DIRECTORY_OWN_MAX + SEGMENT_MASK + 1],
  ])('shrink to %s and grow beyond it again and again', (_, buckets) => {
    const harness = new Harness()
    const table = harness.tableOf(family, T)
    const [few, many] = [buckets * JOIN_LOAD - 100, buckets * SET_SPLIT_LOAD + 100]
    let peers = 0
    let other = T + 1
    for (let round = 0; round < 3; round++) {
      for (; peers < many; peers++) harness.announce(family, T, peers, { wanted: 0 })
      expect(checkInvariants(harness).leechers).toBe(many + round * 40)
      while (peers > few) harness.leave(family, T, --peers)
      checkInvariants(harness)
      // Others of the table take blocks of small sizes, those that were just given back among them.
      for (let i = 0; i < 40; other++) {
        if (harness.tableOf(family, other) !== table) continue
        harness.announce(family, other, 1, { wanted: 0 })
        i++
      }
    }
    expect(harness.scrape(family, T).leechers).toBe(few)
  })
})
