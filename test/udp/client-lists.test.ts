// Networks and clients that the lists exclude, over UDP: an error that is no longer than the request, and counted.
import { describe, expect, test } from 'bun:test'
import { Peer } from '../../src/swarm/peers/peer.ts'
import { gateOf } from '../client-lists/support.ts'
import { RATES } from '../source-limits/limits-for.ts'
import {
  addressBytes,
  announceRequest,
  connectRequest,
  infoHash,
  readError,
  scrapeRequest,
} from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { present, setSource, UdpHarness } from './harness.ts'

const NETWORKS = '192.0.2.0/24\n2001:db8:7::/48\n'
const DENIED = ['192.0.2.7', '2001:db8:7::1']
const SERVED = ['192.0.3.7', '2001:db8:8::1']
const XUNLEI = Buffer.from('-XL0012-abcdefghijkl')
const OTHER = Buffer.from('-TR3000-abcdefghijkl')

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  test.each(DENIED)(
    'a connect from the denied %s gets an error of its size at most',
    async (from) => {
      const harness = new UdpHarness({ gate: await gateOf({ networks: NETWORKS }) })
      const request = connectRequest(77)
      const answer = present(harness.send(request, from))
      expect(answer.length).toBeLessThanOrEqual(request.length)
      expect(readError(answer)).toMatchObject({ text: 'denied', transaction: 77 })
      expect(harness.counts).toMatchObject({ rejected_denied_network: 1, responses_error: 1 })
      expect(harness.counts.responses_connect).toBeUndefined()
    },
  )

  test.each(DENIED)(
    '%s, with an id from before, gets errors no longer than its requests',
    async (from) => {
      const harness = new UdpHarness({ gate: await gateOf({ networks: NETWORKS }) })
      harness.ids.issue(peerOf(from))
      const id = Buffer.from(new Int32Array([harness.ids.id0, harness.ids.id1]).buffer)
      harness.forgetCounts()
      for (const request of [announceRequest(id), scrapeRequest(id, [infoHash(1)])]) {
        const answer = present(harness.send(request, from))
        expect(answer.length).toBeLessThanOrEqual(request.length)
        expect(readError(answer).text).toBe('Your network is not served')
      }
      expect(harness.counts.rejected_denied_network).toBe(2)
      // An unproven address learns nothing.
      expect(harness.send(announceRequest(Buffer.alloc(8)), from)).toBeNull()
      expect(harness.counts).toMatchObject({
        rejected_connection_id: 1,
        rejected_denied_network: 2,
      })
      expect(harness.counts.responses_announce).toBeUndefined()
    },
  )

  test.each(SERVED)('%s is served', async (from) => {
    const harness = new UdpHarness({ gate: await gateOf({ networks: NETWORKS }) })
    expect(harness.announce(from).peers).toEqual([])
    expect(harness.counts.rejected_denied_network).toBeUndefined()
  })

  test('a flood of denied connects gets no more errors than others get ids', async () => {
    const gate = await gateOf({ networks: NETWORKS })
    const harness = new UdpHarness({ gate, rates: { ...RATES, connects: 10 } })
    let answers = 0
    for (let i = 0; i < 1000; i++) if (harness.send(connectRequest(), '192.0.2.7')) answers++
    expect(answers).toBe(100)
    expect(harness.counts).toMatchObject({
      rejected_denied_network: 100,
      rejected_connect_rate: 900,
    })
  })

  test('a denied client gets an error, and is not stored', async () => {
    const harness = new UdpHarness({ gate: await gateOf({ clients: '-XL\n' }) })
    const from = '192.0.2.7'
    const request = announceRequest(harness.connect(from), { peerId: XUNLEI })
    const answer = present(harness.send(request, from))
    expect(answer.length).toBeLessThanOrEqual(request.length)
    expect(readError(answer).text).toBe('Client not allowed: use another one')
    expect(harness.counts).toMatchObject({ rejected_denied_client: 1, responses_error: 1 })
    expect(harness.announce(from, { peerId: OTHER, port: 9 }).leechers).toBe(0)
    expect(harness.scrape(from, infoHash(1))).toHaveLength(1)
  })

  test('only an allowed client is served, and the last bytes of a peer id count too', async () => {
    const harness = new UdpHarness({
      gate: await gateOf({ clients: '-TR3000-abcdefghijkl\n', allow: true }),
    })
    const from = '192.0.2.7'
    harness.announce(from, { peerId: OTHER })
    const last = Buffer.from('-TR3000-abcdefghijkm')
    const request = announceRequest(harness.connect(from), { peerId: last })
    expect(readError(present(harness.send(request, from))).text).toStartWith('Client not allowed')
  })
})

function peerOf(from: string): Peer {
  const peer = new Peer()
  setSource(peer, addressBytes(from))
  return peer
}
