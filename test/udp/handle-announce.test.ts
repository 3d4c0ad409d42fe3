import { describe, expect, test } from 'bun:test'
import {
  type AnnounceFields,
  addressBytes,
  announceRequest,
  COMPLETED,
  infoHash,
  NONE,
  PAUSED,
  peer,
  readAnnounce,
  readError,
  STARTED,
  STOPPED,
} from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { type HarnessOptions, present, UdpHarness } from './harness.ts'

interface Family {
  readonly name: string
  readonly family: 4 | 6
  /** Peers that fit one packet. */
  readonly max: number
  readonly packetBytes: number
  readonly peerBytes: number
  /** Address number n. */
  readonly client: (n: number) => string
}

/** Bytes that each path carries (its MTU less 28 over IPv4), and the peers of 6 or 18 bytes behind a head of 20. */
const FITTING_IPV4: [number, number][] = [
  [548, 88],
  [1252, 205],
  [1352, 222],
  [1372, 225],
  [1392, 228],
  [1432, 235],
  [1452, 238],
  [1464, 240],
  [1472, 242],
]
const FITTING_IPV6: [number, number][] = [
  [548, 29],
  [1231, 67],
  [1232, 67],
  [1252, 67],
  [1472, 67],
]

const FAMILIES: Family[] = [
  {
    name: 'IPv4',
    family: 4,
    max: 242,
    packetBytes: 1472,
    peerBytes: 6,
    client: (n) => `10.1.${n >> 8}.${n & 255}`,
  },
  {
    name: 'IPv6',
    family: 6,
    max: 67,
    packetBytes: 1232,
    peerBytes: 18,
    client: (n) => `2001:db8:1:${n.toString(16)}::${(n * 257).toString(16)}`,
  },
]

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each(FAMILIES)(
    'an announce over $name',
    ({ family, max, packetBytes, peerBytes, client }) => {
      /** Leechers 1…count are in the swarm, each on its own port. */
      function withPeers(count: number, options: HarnessOptions = {}): UdpHarness {
        const harness = new UdpHarness(options)
        for (let n = 1; n <= count; n++) harness.announce(client(n), { port: 1000 + n })
        harness.forgetCounts()
        return harness
      }

      const known = (n: number) => peer(addressBytes(client(n)), 1000 + n)

      function counts(harness: UdpHarness) {
        const [{ seeders, leechers, completed }] = harness.scrape(client(999), infoHash(1))
        return { seeders, leechers, completed }
      }

      test('is answered byte for byte: action, transaction, interval, leechers, seeders, peers', () => {
        const harness = withPeers(1, { announceInterval: 0x0102 })
        harness.announce(client(2), { port: 0xabcd, left: 0n })
        const request = announceRequest(harness.connect(client(3)), { transaction: 0xcafef00d })
        const answer = present(harness.send(request, client(3)))
        const head = '00000001' + 'cafef00d' + '00000102' + '00000001' + '00000001'
        expect(answer.subarray(0, 20).toString('hex')).toBe(head)
        const hex = (n: number, port: string) => addressBytes(client(n)).toString('hex') + port
        const peers = [hex(1, '03e9'), hex(2, 'abcd')].sort()
        const found = [20, 20 + peerBytes].map((at) => answer.toString('hex', at, at + peerBytes))
        expect(found.sort()).toEqual(peers)
        expect(answer.length).toBe(20 + 2 * peerBytes)
      })

      test('gives every other peer for every size of swarm that fits, odd and even', () => {
        const harness = new UdpHarness()
        for (let n = 1; n <= 40; n++) {
          const { peers, leechers } = harness.announce(client(n), { port: 1000 + n })
          expect([...peers].sort()).toEqual(
            Array.from({ length: n - 1 }, (_, i) => known(i + 1)).sort(),
          )
          expect(leechers).toBe(n - 1)
        }
      })

      test('gives as many peers as are wanted, for every number', () => {
        const harness = withPeers(300)
        for (let wanted = 1; wanted <= 300; wanted++) {
          const { peers } = harness.announce(client(1), { port: 1001, numWant: wanted })
          expect(peers.length).toBe(Math.min(wanted, max))
          expect(new Set(peers).size).toBe(peers.length)
          expect(peers).not.toContain(known(1))
        }
      })

      test.each([0, -1, -2147483648, 256, 300, 65536, 2147483647])(
        'with num_want %d gives as many as a packet holds',
        (numWant) => {
          const harness = withPeers(300)
          const id = harness.connect(client(400))
          const answer = present(harness.send(announceRequest(id, { numWant }), client(400)))
          expect(answer.length).toBe(20 + max * peerBytes)
          expect(answer.length).toBeLessThanOrEqual(packetBytes)
          expect(readAnnounce(answer, family).leechers).toBe(300)
        },
      )

      test.each(family === 4 ? FITTING_IPV4 : FITTING_IPV6)(
        'with max_response_bytes = %d gives %d peers, and is no longer',
        (maxResponseBytes, fitting) => {
          const harness = withPeers(300, { maxResponseBytes })
          const id = harness.connect(client(400))
          const answer = present(harness.send(announceRequest(id, { numWant: -1 }), client(400)))
          expect(answer.length).toBeLessThanOrEqual(maxResponseBytes)
          expect(answer.length).toBe(20 + fitting * peerBytes)
        },
      )

      test('obeys the smaller of max_response_bytes and max_response_peers', () => {
        const fitting = family === 4 ? 88 : 29
        for (const maxResponsePeers of [28, 30, 255]) {
          const harness = withPeers(100, { maxResponsePeers, maxResponseBytes: 548 })
          const { peers } = harness.announce(client(400), { numWant: 200 })
          expect(peers.length).toBe(Math.min(maxResponsePeers, fitting))
        }
      })

      test('gives no more than max_response_peers', () => {
        const harness = withPeers(20, { maxResponsePeers: 7 })
        for (const [numWant, expected] of [
          [-1, 7],
          [0, 7],
          [6, 6],
          [7, 7],
          [8, 7],
          [200, 7],
        ]) {
          expect(harness.announce(client(30), { numWant }).peers.length).toBe(expected)
        }
      })

      test('gives each of the others about equally often', () => {
        const harness = withPeers(10)
        const seen = new Map<string, number>()
        for (let i = 0; i < 3000; i++) {
          const [found] = harness.announce(client(1), { port: 1001, numWant: 1 }).peers
          seen.set(found, (seen.get(found) ?? 0) + 1)
        }
        expect([...seen.keys()].sort()).toEqual(
          Array.from({ length: 9 }, (_, i) => known(i + 2)).sort(),
        )
        // 333 each, with a standard deviation of 17.
        for (const times of seen.values()) expect(Math.abs(times - 333)).toBeLessThan(110)
      })

      test('neither counts nor returns the requesting peer, also when it asks again', () => {
        const harness = new UdpHarness()
        for (let i = 0; i < 3; i++) {
          const left = i === 1 ? 0n : 5n
          expect(harness.announce(client(1), { left })).toMatchObject({
            leechers: 0,
            seeders: 0,
            peers: [],
          })
        }
      })

      test('knows two ports of one address as two peers', () => {
        const harness = new UdpHarness()
        harness.announce(client(1), { port: 1 })
        const second = harness.announce(client(1), { port: 65535 })
        expect(second.peers).toEqual([peer(addressBytes(client(1)), 1)])
        expect(counts(harness)).toEqual({ seeders: 0, leechers: 2, completed: 0 })
      })

      test('knows a peer by its address and port, not by its peer id or key', () => {
        const harness = new UdpHarness()
        harness.announce(client(1), { peerId: Buffer.alloc(20, 1), key: 1 })
        harness.announce(client(1), { peerId: Buffer.alloc(20, 2), key: 2 })
        expect(counts(harness).leechers).toBe(1)
      })

      test('uses the address that the packet came from, not the one in it', () => {
        const harness = new UdpHarness()
        harness.announce(client(1), { ip: 0x01020304, port: 1001 })
        expect(harness.announce(client(2)).peers).toEqual([known(1)])
      })

      test.each([
        ['0', 0n, 'seeders'],
        ['1', 1n, 'leechers'],
        ['2^32', 2n ** 32n, 'leechers'],
        ['2^56', 2n ** 56n, 'leechers'],
        ['2^63', 2n ** 63n, 'leechers'],
        ['2^64 − 1', 2n ** 64n - 1n, 'leechers'],
      ])('with left = %s counts among the %p', (_, left, role) => {
        const harness = new UdpHarness()
        harness.announce(client(1), { left: left as bigint })
        const expected = { seeders: 0, leechers: 0, completed: 0, [role as string]: 1 }
        expect(counts(harness)).toEqual(expected)
        expect(harness.announce(client(2))).toMatchObject({
          seeders: expected.seeders,
          leechers: expected.leechers,
        })
      })

      test('gives a seeder leechers only, and a leecher both', () => {
        const harness = withPeers(2)
        harness.announce(client(3), { port: 1003, left: 0n })
        const seeder = harness.announce(client(4), { port: 1004, left: 0n })
        expect(seeder).toMatchObject({ leechers: 2, seeders: 1 })
        expect([...seeder.peers].sort()).toEqual([known(1), known(2)].sort())
        const leecher = harness.announce(client(5))
        expect([...leecher.peers].sort()).toEqual([1, 2, 3, 4].map(known).sort())
      })

      describe('events:', () => {
        test('stopped removes the peer and returns none', () => {
          const harness = withPeers(3)
          const answer = harness.announce(client(2), { port: 1002, event: STOPPED, numWant: 50 })
          expect(answer).toMatchObject({ leechers: 2, seeders: 0, peers: [] })
          expect(counts(harness).leechers).toBe(2)
          expect(harness.announce(client(9)).peers).not.toContain(known(2))
        })

        test('stopped of a peer or torrent that is not known adds nothing', () => {
          const harness = withPeers(1)
          const left = 2n ** 64n - 1n
          expect(harness.announce(client(5), { event: STOPPED, left })).toMatchObject({
            leechers: 1,
            peers: [],
          })
          const fields = { event: STOPPED, infoHash: infoHash(2) }
          expect(harness.announce(client(5), fields)).toMatchObject({ leechers: 0, peers: [] })
          expect(counts(harness).leechers).toBe(1)
        })

        test('stopped on another port or from another address removes no peer', () => {
          const harness = withPeers(1)
          harness.announce(client(1), { port: 1002, event: STOPPED })
          harness.announce(client(2), { port: 1001, event: STOPPED })
          expect(counts(harness).leechers).toBe(1)
        })

        test.each([STARTED, NONE, COMPLETED, PAUSED, 5, 0x01000000, 0x03000000, 0xffffffff])(
          '%d adds the peer and returns others',
          (event) => {
            const harness = withPeers(1)
            expect(harness.announce(client(2), { event }).peers).toEqual([known(1)])
            expect(counts(harness).leechers).toBe(2)
            expect(harness.counts.responses_error).toBeUndefined()
          },
        )

        test('a leecher becomes a seeder by left = 0, and a leecher again', () => {
          const harness = withPeers(1)
          harness.announce(client(1), { port: 1001, left: 0n })
          expect(counts(harness)).toEqual({ seeders: 1, leechers: 0, completed: 0 })
          harness.announce(client(1), { port: 1001, left: 1n })
          expect(counts(harness)).toEqual({ seeders: 0, leechers: 1, completed: 0 })
        })

        const finish: AnnounceFields = { port: 1001, left: 0n, event: COMPLETED }

        test('completed of a known leecher counts once, and lives as long as the torrent', () => {
          const harness = withPeers(2)
          for (let i = 0; i < 3; i++) harness.announce(client(1), finish)
          expect(counts(harness)).toEqual({ seeders: 1, leechers: 1, completed: 1 })
          harness.announce(client(1), { port: 1001, event: STOPPED })
          expect(counts(harness)).toEqual({ seeders: 0, leechers: 1, completed: 1 })
          harness.announce(client(2), { port: 1002, event: STOPPED })
          expect(counts(harness)).toEqual({ seeders: 0, leechers: 0, completed: 0 })
        })

        test('completed of an unknown peer, or with bytes left, does not count', () => {
          const harness = withPeers(1)
          harness.announce(client(1), { ...finish, left: 5n })
          harness.announce(client(2), finish)
          expect(counts(harness)).toEqual({ seeders: 1, leechers: 1, completed: 0 })
        })

        test('with count_downloads = false completed is 0', () => {
          const harness = withPeers(1, { countDownloads: false })
          harness.announce(client(1), finish)
          expect(counts(harness)).toEqual({ seeders: 1, leechers: 0, completed: 0 })
        })
      })

      test('with port 0 gets an error, is counted, and adds nobody', () => {
        const harness = new UdpHarness()
        const id = harness.connect(client(1))
        harness.forgetCounts()
        for (const event of [NONE, STOPPED]) {
          const request = announceRequest(id, { port: 0, transaction: 3, event })
          expect(readError(present(harness.send(request, client(1))))).toEqual({
            transaction: 3,
            text: 'Port must not be 0',
          })
        }
        expect(harness.counts).toEqual({
          requests_announce: 2,
          rejected_port: 2,
          responses_error: 2,
        })
        expect(counts(harness).leechers).toBe(0)
      })

      test.each([
        ['two zeros', '0000'],
        ['an end', '00'],
        ['a no-op and an end', '0100'],
        ['URL data', '02092f616e6e6f756e6365'],
        ['URL data in two parts and an end', '02012f0201 6100'.replaceAll(' ', '')],
        ['URL data of no bytes', '0200'],
        ['URL data that is cut off', '02ff2f61'],
        ['an unknown option', '7f03aabbcc'],
        ['an option without its length', '02'],
        ['one byte that means nothing', 'ff'],
        ['a kilobyte', 'a5'.repeat(1024)],
      ])('is answered the same with %s behind it', (_, trailing) => {
        const harness = withPeers(2)
        const request = announceRequest(harness.connect(client(3)), { numWant: 2 })
        const plain = present(harness.send(request, client(3)))
        const longer = Buffer.concat([request, Buffer.from(trailing, 'hex')])
        const answer = present(harness.send(longer, client(3)))
        const read = (packet: Buffer) => {
          const { peers, ...rest } = readAnnounce(packet, family)
          return { ...rest, peers: [...peers].sort() }
        }
        expect(read(answer)).toEqual(read(plain))
      })

      test('reads its port from the packet, not from bytes of an earlier one', () => {
        const harness = new UdpHarness()
        harness.receivedBytes.fill(0xff)
        harness.announce(client(1), { port: 0x0102 })
        expect(harness.announce(client(2)).peers).toEqual([peer(addressBytes(client(1)), 0x0102)])
      })

      test('is counted as request and as answer', () => {
        const harness = withPeers(2)
        harness.announce(client(3))
        expect(harness.counts).toEqual({
          requests_connect: 1,
          responses_connect: 1,
          requests_announce: 1,
          responses_announce: 1,
        })
      })
    },
  )

  test('peers of one family never meet those of the other', () => {
    const harness = new UdpHarness()
    harness.announce('192.0.2.1')
    expect(harness.announce('2001:db8::1')).toMatchObject({ leechers: 0, peers: [] })
    expect(harness.scrape('192.0.2.1', infoHash(1))[0].leechers).toBe(1)
    harness.announce('2001:db8::2')
    expect(harness.announce('192.0.2.2').leechers).toBe(1)
  })

  test('info hashes that differ in one bit are different torrents', () => {
    const harness = new UdpHarness()
    for (let bit = -1; bit < 160; bit++) {
      const hash = infoHash(1)
      if (bit >= 0) hash[bit >> 3] ^= 1 << (bit & 7)
      expect(harness.announce('192.0.2.1', { infoHash: hash }).leechers).toBe(0)
      expect(harness.announce('192.0.2.2', { infoHash: hash }).leechers).toBe(1)
    }
  })
})
