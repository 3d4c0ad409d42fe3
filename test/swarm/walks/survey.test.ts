import { describe, expect, test } from 'bun:test'
import { Announce } from '../../../src/swarm/announce.ts'
import { attachSwarms, createSwarmMemory } from '../../../src/swarm/memory.ts'
import { hashInfoHash } from '../../../src/swarm/table/torrents.ts'
import { SIZE_CLASSES, Survey, sizeClassText } from '../../../src/swarm/walks/survey.ts'

/** Swarms of so many seeders and leechers each; torrent n has n in all words of its info hash. */
function swarmsOf(sizes: readonly (readonly [seeders: number, leechers: number])[]) {
  const buffers = createSwarmMemory({ maxTorrents: 10_000, maxPeers: 100_000, workers: 1 })
  const swarms = attachSwarms(buffers, true)
  const announce = new Announce()
  announce.peer.port = 99
  announce.now = 1
  for (const [n, [seeders, leechers]] of sizes.entries()) {
    const words = new Int32Array(5).fill(n + 1)
    announce.source = words
    announce.hash = hashInfoHash(swarms.ipv4[0], words, 0)
    const table = swarms.tableOf(true, announce.hash)
    for (let peer = 0; peer < seeders + leechers; peer++) {
      announce.peer.setIPv4(peer + 1)
      announce.seeder = peer < seeders
      swarms.announce(table, announce)
    }
  }
  return swarms
}

describe('a survey', () => {
  test('counts torrents by their number of peers, also those of large swarms', async () => {
    const survey = new Survey(
      swarmsOf([
        [1, 0],
        [0, 1],
        [1, 1],
        [2, 1],
        [3, 1],
        [50, 50],
        [0, 300],
      ]),
    )
    await survey.run()
    const { ipv4, ipv6 } = survey.result.sizes
    expect(ipv4.slice(0, 9)).toEqual([2, 2, 1, 0, 0, 0, 1, 0, 1])
    expect(ipv6.every((count) => count === 0)).toBe(true)
  })

  test('names the twenty largest, largest first', async () => {
    const survey = new Survey(
      swarmsOf(Array.from({ length: 30 }, (_, n) => [n, 2 * n + 1] as const)),
    )
    await survey.run()
    const { largest } = survey.result
    expect(largest.length).toBe(20)
    expect(largest[0]).toEqual({
      kind: 'ipv4',
      infoHash: '1e000000'.repeat(5),
      seeders: 29,
      leechers: 59,
      completed: 0,
    })
    const sizes = largest.map(({ seeders, leechers }) => seeders + leechers)
    expect(sizes).toEqual(Array.from({ length: 20 }, (_, i) => 88 - 3 * i))
  })

  test('goes through more torrents than a slice holds, each once', async () => {
    const survey = new Survey(swarmsOf(Array.from({ length: 9000 }, () => [1, 0] as const)))
    await survey.run()
    expect(survey.result.sizes.ipv4[0]).toBe(9000)
  })

  test('classes of size have names', () => {
    const names = Array.from({ length: SIZE_CLASSES }, (_, i) => sizeClassText(i))
    expect(names.slice(0, 4)).toEqual(['1', '2-3', '4-7', '8-15'])
    expect(names.at(-1)).toBe('131072+')
  })
})
