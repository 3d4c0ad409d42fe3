import { describe, expect, test } from 'bun:test'
import { COUNTERS } from '../../../src/udp/worker/counters.ts'
import {
  addressBytes,
  announceRequest,
  connectRequest,
  infoHash,
  PROTOCOL_ID,
  readAnnounce,
  readError,
  scrapeRequest,
} from '../../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../../support/schedules.ts'
import { present, SECRET, START, UdpHarness } from '../harness.ts'

const CLIENTS = ['192.0.2.7', '2001:db8::7']
const ID_ERROR = 'Connection ID invalid or expired'

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.each(CLIENTS)('a connect from %s', (client) => {
    test('is answered in 16 bytes: action 0, its transaction, an id', () => {
      const harness = new UdpHarness()
      const answer = present(harness.send(connectRequest(0xdeadbeef), client))
      const id = harness.connect(client)
      expect(answer.toString('hex')).toBe(`00000000deadbeef${id.toString('hex')}`)
      expect(harness.counts).toEqual({ requests_connect: 2, responses_connect: 2 })
    })

    test('may be longer', () => {
      const harness = new UdpHarness()
      for (const more of [1, 2, 84, 1456, 5104]) {
        const answer = harness.send(
          Buffer.concat([connectRequest(), Buffer.alloc(more, 9)]),
          client,
        )
        expect(answer?.length).toBe(16)
      }
    })

    test('with another protocol id gets no answer and is counted', () => {
      const harness = new UdpHarness()
      for (const id of [0n, 1n, PROTOCOL_ID + 1n, PROTOCOL_ID << 16n, 0xffffffffffffffffn]) {
        expect(harness.send(connectRequest(1, id), client)).toBeNull()
      }
      expect(harness.counts).toEqual({ rejected_protocol_id: 5 })
    })
  })

  test('packets that are too short or of an unknown action get no answer and are counted', () => {
    const harness = new UdpHarness()
    const id = harness.connect('192.0.2.7')
    harness.forgetCounts()
    const announce = announceRequest(id)
    for (const length of [0, 1, 8, 12, 15, 16, 36, 97]) {
      expect(harness.send(announce.subarray(0, length), '192.0.2.7')).toBeNull()
    }
    for (const action of [3, 4, 5, 256, 0x01000000, 0xffffffff]) {
      announce.writeUInt32BE(action, 8)
      expect(harness.send(announce, '192.0.2.7')).toBeNull()
    }
    expect(harness.counts).toEqual({ rejected_too_short: 8, rejected_action: 6 })
  })

  describe.each(CLIENTS)('a connection id given to %s', (client) => {
    const other = client.replace('7', '8')
    const requests = (id: Buffer) => [announceRequest(id), scrapeRequest(id, [infoHash(1)])]

    test('is good for any number of announces and scrapes', () => {
      const harness = new UdpHarness()
      const id = harness.connect(client)
      for (let i = 0; i < 5; i++) {
        for (const request of requests(id)) expect(harness.send(request, client)).not.toBeNull()
      }
      expect(harness.counts.rejected_connection_id).toBeUndefined()
    })

    test('is good in another worker', () => {
      const id = new UdpHarness().connect(client)
      const worker = new UdpHarness({ secret: SECRET.slice() })
      for (const request of requests(id)) expect(worker.send(request, client)).not.toBeNull()
    })

    test('lives for max_connection_age and not a second longer', () => {
      const harness = new UdpHarness({ maxConnectionAge: 120 })
      const id = harness.connect(client)
      harness.setTime(START + 120)
      for (const request of requests(id)) expect(harness.send(request, client)).not.toBeNull()
      harness.setTime(START + 121)
      for (const request of requests(id)) expect(harness.send(request, client)).toBeNull()
      expect(harness.counts.rejected_connection_id).toBe(2)
    })

    test('is not valid elsewhere, changed, or in another tracker: no answer, and nothing is stored', () => {
      const harness = new UdpHarness()
      const id = harness.connect(client)
      const changed = Buffer.from(id)
      changed[7] ^= 1
      const elsewhere = new UdpHarness({ secret: SECRET.map((byte) => byte + 1) })
      for (const request of requests(id)) {
        expect(harness.send(request, other)).toBeNull()
        expect(elsewhere.send(request, client)).toBeNull()
      }
      for (const request of requests(changed)) expect(harness.send(request, client)).toBeNull()
      for (const request of requests(Buffer.alloc(8))) {
        expect(harness.send(request, client)).toBeNull()
      }
      expect(harness.counts.rejected_connection_id).toBe(6)
      expect(elsewhere.counts).toEqual({ rejected_connection_id: 2 })
      expect(harness.scrape(client, infoHash(1))).toEqual([
        { seeders: 0, completed: 0, leechers: 0 },
      ])
    })
  })

  test('the protocol id itself is not a connection id', () => {
    const harness = new UdpHarness()
    const id = Buffer.alloc(8)
    id.writeBigUInt64BE(PROTOCOL_ID)
    expect(harness.send(announceRequest(id), '192.0.2.7')).toBeNull()
  })

  describe("with invalid_connection_id = 'error'", () => {
    const bad = Buffer.from('00ff00ff00ff00ff', 'hex')

    test('the answer is an error that is never longer than its request', () => {
      const harness = new UdpHarness({ answerInvalidId: true })
      const long = scrapeRequest(bad, Array(255).fill(infoHash(1)), 77)
      for (const client of CLIENTS) {
        for (let length = 16; length <= long.length; length++) {
          const answer = present(harness.send(long.subarray(0, length), client))
          expect(answer.length).toBe(Math.min(length, 8 + ID_ERROR.length))
          const { transaction, text } = readError(answer)
          expect(transaction).toBe(77)
          expect(text).toBe(ID_ERROR.slice(0, length - 8))
        }
      }
    })

    test('announces get it too, and it is counted', () => {
      const harness = new UdpHarness({ answerInvalidId: true })
      const answer = present(harness.send(announceRequest(bad, { transaction: 5 }), '192.0.2.7'))
      expect(readError(answer)).toEqual({ transaction: 5, text: ID_ERROR })
      expect(harness.counts).toEqual({ rejected_connection_id: 1, responses_error: 1 })
    })

    test('packets that are no requests stay without an answer', () => {
      const harness = new UdpHarness({ answerInvalidId: true })
      expect(harness.send(connectRequest(1, 5n), '192.0.2.7')).toBeNull()
      expect(harness.send(announceRequest(bad).subarray(0, 97), '192.0.2.7')).toBeNull()
      const unknown = announceRequest(bad)
      unknown.writeUInt32BE(7, 8)
      expect(harness.send(unknown, '192.0.2.7')).toBeNull()
    })
  })

  describe('at a limit', () => {
    test('a new torrent gets an error and is counted, known ones go on', () => {
      const harness = new UdpHarness({ maxTorrents: 2 })
      harness.announce('192.0.2.1', { infoHash: infoHash(1) })
      harness.announce('2001:db8::1', { infoHash: infoHash(2) })
      harness.forgetCounts()
      for (const client of CLIENTS) {
        const id = harness.connect(client)
        const request = announceRequest(id, { infoHash: infoHash(3), transaction: 9 })
        expect(readError(present(harness.send(request, client)))).toEqual({
          transaction: 9,
          text: 'Tracker is full: no new torrents',
        })
      }
      expect(harness.counts).toEqual({
        requests_connect: 2,
        responses_connect: 2,
        requests_announce: 2,
        responses_error: 2,
        rejected_torrents_full: 2,
      })
      const second = harness.announce('192.0.2.2', { infoHash: infoHash(1) })
      expect(second.peers).toEqual(['192.0.2.1:6881'])
      harness.announce('192.0.2.1', { infoHash: infoHash(1), event: 3 })
      harness.announce('192.0.2.2', { infoHash: infoHash(1), event: 3 })
      expect(harness.announce('192.0.2.7', { infoHash: infoHash(3) }).peers).toEqual([])
    })

    test('a new peer gets an error and is counted, known ones go on', () => {
      const harness = new UdpHarness({ maxPeers: 3 })
      for (const host of [1, 2, 3]) harness.announce(`192.0.2.${host}`)
      harness.forgetCounts()
      for (const client of CLIENTS) {
        const id = harness.connect(client)
        const request = announceRequest(id, { transaction: 9 })
        expect(readError(present(harness.send(request, client)))).toEqual({
          transaction: 9,
          text: 'Tracker is full: no new peers',
        })
      }
      expect(harness.counts).toMatchObject({ rejected_peers_full: 2, responses_error: 2 })
      const known = harness.announce('192.0.2.1', { left: 0n })
      expect(known).toMatchObject({ leechers: 2, seeders: 0 })
      expect(harness.scrape('192.0.2.1', infoHash(1))).toEqual([
        { seeders: 1, completed: 0, leechers: 2 },
      ])
      harness.announce('192.0.2.2', { event: 3 })
      expect(harness.announce('192.0.2.7').leechers).toBe(1)
    })

    test('the refused leave nothing behind', () => {
      const harness = new UdpHarness({ maxTorrents: 5, maxPeers: 3 })
      for (const host of [1, 2, 3]) harness.announce(`192.0.2.${host}`)
      const id = harness.connect('192.0.2.7')
      for (let i = 2; i < 50; i++) {
        harness.send(announceRequest(id, { infoHash: infoHash(i) }), '192.0.2.7')
      }
      expect(harness.counts).toMatchObject({ rejected_peers_full: 48 })
      for (const host of [1, 2, 3]) harness.announce(`192.0.2.${host}`, { event: 3 })
      for (const i of [10, 11, 12]) harness.announce('192.0.2.7', { infoHash: infoHash(i) })
    })
  })

  test('the answer to a packet does not depend on where earlier answers were written', () => {
    const harness = new UdpHarness()
    for (let i = 0; i < 9; i++) harness.announce(`192.0.2.${i}`)
    const long = harness.announce('192.0.2.100', { numWant: 9 })
    expect(long.peers.length).toBe(9)
    expect(harness.announce('192.0.2.100', { numWant: 1 }).peers.length).toBe(1)
    expect(harness.connect('192.0.2.100').length).toBe(8)
  })

  test('packets are read where they lie, and not changed', () => {
    const harness = new UdpHarness()
    const from = addressBytes('192.0.2.7')
    const request = announceRequest(harness.connect(from))
    harness.receivedBytes.fill(0xee)
    harness.receivedBytes.set(request)
    const before = Buffer.from(harness.receivedBytes)
    expect(harness.handle(98, from)).toBe(20)
    expect(harness.receivedBytes).toEqual(before)
    expect(readAnnounce(present(harness.send(request, from)), 4).leechers).toBe(0)
  })

  test('every reason and kind of answer is counted by a name of its own', () => {
    expect(new Set(COUNTERS).size).toBe(COUNTERS.length)
  })
})
