// What a message does to the counters, and what is dropped for clients that read slowly: the handler with
// sockets that take nothing.
import { describe, expect, test } from 'bun:test'
import { ConnectionStates, createConnectionStates } from '../../../src/swarm/connections.ts'
import { TOTAL_PEERS, TOTAL_TORRENTS } from '../../../src/swarm/layout.ts'
import { attachSwarms, createSwarmMemory } from '../../../src/swarm/memory.ts'
import { addressKey } from '../../../src/tcp/client-address.ts'
import { ClientReports } from '../../../src/ws/worker/client-reports.ts'
import { Connections } from '../../../src/ws/worker/connection.ts'
import {
  COUNTER_COUNT,
  STORED_COUNTERS,
  type StoredCounter,
} from '../../../src/ws/worker/counters.ts'
import { Handler } from '../../../src/ws/worker/handle.ts'
import { createRequestLimits, RequestLimits } from '../../../src/ws/worker/request-limits.ts'
import { Sender } from '../../../src/ws/worker/send.ts'
import { Signal } from '../../../src/ws/worker/signal.ts'
import { announce, answer, newHash, offer, offerId, peerId } from '../messages.ts'
import { placed } from '../wire/text.ts'
import { FrameSocket } from './frame-socket.ts'

const TORRENTS_PER_CONNECTION = 10
const SLOTS = 300

function makeHandler({ newTorrents = 0, maxTorrents = 100, maxPeers = 1000 } = {}) {
  const counts = new Int32Array(COUNTER_COUNT)
  const states = new ConnectionStates(createConnectionStates(1, SLOTS))
  const connections = new Connections(0, states, 30)
  const backlogs = { perConnection: 4000, inAll: 1_000_000 }
  const sender = new Sender(connections, backlogs, counts, new ClientReports(false, () => {}))
  const signal = new Signal(0, connections, sender, { key0: 1, key1: 2 }, counts)
  const memory = createSwarmMemory({
    maxTorrents,
    maxPeers,
    workers: 1,
    kinds: ['websocket'],
  })
  const swarms = attachSwarms(memory, true, states)
  const rates = { perConnection: 1, perAddress: 0, newTorrents }
  const requestLimits = new RequestLimits(createRequestLimits(), rates)
  const settings = {
    maxScrapeTorrents: 10,
    maxOffers: 3,
    announceInterval: 120,
    intervalJitter: 0,
    maxTorrentsPerConnection: TORRENTS_PER_CONNECTION,
    maxPeerIdsPerTorrent: 1,
  }
  swarms.admission.gate = requestLimits
  const parts = { swarms, connections, sender, signal, requestLimits }
  const handler = new Handler(parts, settings, counts)
  const open = (address: string) => {
    const { high, low } = addressKey(address)
    const connection = connections.open(high, low, 0)
    const socket = new FrameSocket(sender)
    connection.socket = socket
    const send = (message: unknown) => {
      const { region, from, to } = placed(
        typeof message === 'string' ? message : JSON.stringify(message),
      )
      handler.message(connection, region.bytes, from, to)
    }
    const texts = () => {
      sender.flushOne(connection)
      return socket.texts
    }
    return { connection, socket, send, texts }
  }
  const count = (name: StoredCounter) => counts[STORED_COUNTERS.indexOf(name)]
  const total = (prefix: string) =>
    STORED_COUNTERS.filter((name) => name.startsWith(prefix)).reduce(
      (sum, name) => sum + count(name),
      0,
    )
  const book = (place: number, value: number) => {
    new Int32Array(memory.control)[place] = value
  }
  return { open, count, total, book }
}

test('offers that are left out are counted by reason', () => {
  const { open, count } = makeHandler()
  const client = open('127.0.0.1')
  const offers = [
    offer(1),
    null,
    { ...offer(2), offer_id: 7 },
    offer(3),
    offer(4),
    offer(5),
    offer(6),
  ]
  client.send(announce(newHash(), 1, { offers }))
  expect(count('offers_received')).toBe(3)
  expect(count('offers_left_out_invalid')).toBe(2)
  expect(count('offers_left_out_beyond_limit')).toBe(2)
})

test('a peer id too many is refused and counted', () => {
  const { open, count } = makeHandler()
  const client = open('127.0.0.1')
  const hash = newHash()
  for (const peer of [1, 2, 1, 3]) client.send(announce(hash, peer))
  expect(count('rejected_peer_ids_per_torrent')).toBe(2)
  expect(count('responses_announce')).toBe(2)
})

test('answers and offers for a client with a backlog are dropped, counted, and not passed on', () => {
  const { open, count } = makeHandler()
  const [victim, other] = [open('127.0.0.1'), open('127.0.0.1')]
  const hash = newHash()
  other.send(announce(hash, 2))
  victim.send(announce(hash, 1, { offers: [offer(1), offer(2)] }))
  victim.send(announce(hash, 1, { offers: [offer(3)] }))
  victim.connection.backlog = true
  const made = (n: number) => ({ peer_id: peerId(1), offer_id: offerId(n) })
  other.send(answer(hash, 2, made(1), 's'.repeat(500)))
  expect(count('answers_sent')).toBe(1)
  other.send(answer(hash, 2, made(3), 's'.repeat(500)))
  expect(count('answers_sent')).toBe(1)
  expect(count('dropped_backlog_answer')).toBe(1)
  expect(count('rejected_answer_without_offer')).toBe(0)
  // Chosen before its backlog showed; the offer is none that it could answer.
  other.send(announce(hash, 2, { offers: [{ ...offer(4), offer: { sdp: 's'.repeat(500) } }] }))
  expect(count('dropped_backlog_offer')).toBe(1)
  expect(victim.connection.pendingOffers).toBeNull()
  expect(count('closed_backlog')).toBe(0)
})

test('requests beyond the limit are counted, and in the end the connection is closed', () => {
  const { open, count } = makeHandler()
  const client = open('203.0.113.7')
  let sent = 0
  // As the socket worker does, which passes nothing on from a connection that ends.
  for (; sent < 500 && !client.connection.closed; sent++) client.send({})
  // A minute of one per second served, as many refused, and one more.
  expect(sent).toBe(121)
  expect(count('rejected_action')).toBe(60)
  expect(count('responses_error')).toBe(65)
  expect(count('rejected_requests_per_connection')).toBe(61)
  expect(count('rejected_requests_per_address')).toBe(0)
  expect(count('closed_requests')).toBe(1)
  expect(client.socket.closes).toEqual([[1008, 'too many requests']])
})

test('each kind of message that is wrong is refused, and counted by its reason', () => {
  const hash = newHash()
  const wrong: [StoredCounter, unknown][] = [
    ['rejected_json', '{'],
    ['rejected_action', { ...announce(hash, 1), action: 'anounce' }],
    ['rejected_info_hash', { ...announce(hash, 1), info_hash: 'short' }],
    ['rejected_peer_id', { ...announce(hash, 1), peer_id: 'short' }],
    ['rejected_event', { ...announce(hash, 1), event: 5 }],
    ['rejected_answer', answer(hash, 1, { offer_id: offerId(1) })],
    [
      'rejected_answer_without_offer',
      answer(hash, 1, { peer_id: peerId(2), offer_id: offerId(1) }),
    ],
    ['rejected_info_hash', { action: 'scrape' }],
  ]
  for (const [reason, message] of wrong) {
    const { open, count, total } = makeHandler()
    const client = open('127.0.0.1')
    client.send(message)
    expect(count(reason), reason).toBe(1)
    expect(count('responses_error')).toBe(1)
    expect(total('rejected_'), reason).toBe(1)
    const [text] = client.texts()
    expect(JSON.parse(text)).toMatchObject({ 'failure reason': expect.any(String) })
  }
})

test('a torrent too many on a connection is refused and counted', () => {
  const { open, count } = makeHandler()
  const client = open('127.0.0.1')
  const hashes = Array.from({ length: TORRENTS_PER_CONNECTION + 2 }, newHash)
  for (const hash of hashes) client.send(announce(hash, 1))
  expect(count('rejected_torrents_per_connection')).toBe(2)
  expect(count('responses_announce')).toBe(TORRENTS_PER_CONNECTION)
  client.send(announce(hashes[0], 1))
  expect(count('responses_announce')).toBe(TORRENTS_PER_CONNECTION + 1)
})

test('a response has nothing that it need not have', () => {
  const { open } = makeHandler()
  const client = open('127.0.0.1')
  const hash = newHash()
  client.send(announce(hash, 1))
  client.send(announce(hash, 1, { offers: [null] }))
  const [plain, warned] = client.texts().map((text) => JSON.parse(text))
  const counts = { complete: 0, incomplete: 1 }
  expect(plain).toEqual({ action: 'announce', interval: 120, ...counts, info_hash: hash })
  expect(warned['warning message']).toContain('1 left out of offers')
})

describe('what an address adds', () => {
  test('is as many new torrents as it may bring, whatever its connections', () => {
    const { open, count } = makeHandler({ newTorrents: 1, maxTorrents: 1000 })
    const bring = (address: string, times: number) => {
      for (let i = 0; i < times; i++) open(address).send(announce(newHash(), 1))
    }
    bring('203.0.113.7', 70)
    expect(count('rejected_new_torrent_rate')).toBe(10)
    bring('203.0.113.8', 60)
    bring('127.0.0.1', 70)
    expect(count('rejected_new_torrent_rate')).toBe(10)
    expect(count('responses_announce')).toBe(60 + 60 + 70)
    // A torrent that somebody is in is none.
    const known = newHash()
    open('203.0.113.9').send(announce(known, 1))
    open('203.0.113.7').send(announce(known, 2))
    expect(count('rejected_new_torrent_rate')).toBe(10)
  })

  test('is a part of what is left when torrents or peers are scarce', () => {
    const { open, count, book } = makeHandler({ maxTorrents: 8000, maxPeers: 16_000 })
    const known = newHash()
    open('127.0.0.1').send(announce(known, 1))
    book(TOTAL_TORRENTS, 8000 - 161)
    // A sixteenth of 161, and of less with each.
    for (let i = 0; i < 12; i++) open('203.0.113.7').send(announce(newHash(), 1))
    expect(count('rejected_torrent_ration')).toBe(3)
    open('203.0.113.8').send(announce(newHash(), 1))
    expect(count('rejected_torrent_ration')).toBe(3)
    book(TOTAL_PEERS, 16_000 - 321)
    const before = count('responses_announce')
    for (let i = 0; i < 25; i++) open('203.0.113.9').send(announce(known, 100 + i))
    expect(count('rejected_peer_ration')).toBe(25 - 19)
    expect(count('responses_announce') - before).toBe(19)
  })
})

test('what is received counts in bytes, also what is no JSON and what is refused', () => {
  const { open, count } = makeHandler()
  const client = open('203.0.113.7')
  const text = JSON.stringify({ ...announce(newHash(), 1), name: '\u00e9\u4e2d\ud83d\ude00' })
  client.send(text)
  expect(count('received_bytes_ipv4')).toBe(Buffer.byteLength(text))
  client.send('\u4e2d')
  expect(count('received_bytes_ipv4')).toBe(Buffer.byteLength(text) + 3)
  for (let i = 0; i < 100; i++) client.send(text)
  expect(count('rejected_requests_per_connection')).toBeGreaterThan(0)
  expect(count('received_bytes_ipv4')).toBe(101 * Buffer.byteLength(text) + 3)
})
