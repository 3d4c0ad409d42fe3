// What a message does to the counters, and what is dropped for clients that read slowly: the handler with
// sockets that take nothing.
import { expect, test } from 'bun:test'
import { ConnectionStates, createConnectionStates } from '../../src/swarm/connections.ts'
import { attachSwarms, createSwarmMemory } from '../../src/swarm/memory.ts'
import { addressKey } from '../../src/ws/client-address.ts'
import { ClientReports } from '../../src/ws/client-reports.ts'
import { Connections, type Socket } from '../../src/ws/connection.ts'
import { COUNTER_COUNT, STORED_COUNTERS, type StoredCounter } from '../../src/ws/counters.ts'
import { Handler } from '../../src/ws/handle.ts'
import { createRequestLimits, RequestLimits } from '../../src/ws/request-limits.ts'
import { Sender } from '../../src/ws/send.ts'
import { Signal } from '../../src/ws/signal.ts'
import { announce, answer, newHash, offer, offerId, peerId } from './messages.ts'

function makeHandler() {
  const counts = new Int32Array(COUNTER_COUNT)
  const states = new ConnectionStates(createConnectionStates(1, 10))
  const connections = new Connections(0, states, 30)
  const backlogs = { perConnection: 4000, inAll: 1_000_000 }
  const sender = new Sender(connections, backlogs, counts, new ClientReports(false, () => {}))
  const signal = new Signal(0, connections, sender, { key0: 1, key1: 2 }, counts)
  const memory = createSwarmMemory({
    maxTorrents: 10,
    maxPeers: 100,
    workers: 1,
    kinds: ['websocket'],
  })
  const swarms = attachSwarms(memory, true, states)
  const rates = { perConnection: 1, perAddress: 0 }
  const requestLimits = new RequestLimits(createRequestLimits(), rates)
  const settings = {
    maxScrapeTorrents: 10,
    maxOffers: 3,
    announceInterval: 120,
    intervalJitter: 0,
    maxTorrentsPerConnection: 10,
    maxPeerIdsPerTorrent: 1,
  }
  const parts = { swarms, connections, sender, signal, requestLimits }
  const handler = new Handler(parts, settings, counts)
  const open = (address: string) => {
    const { high, low } = addressKey(address)
    const connection = connections.open(high, low, 0)
    const closes: unknown[][] = []
    const close = (...end: unknown[]) => closes.push(end)
    const socket = { closes, close, cork: () => {}, getBufferedAmount: () => 0 }
    connection.socket = socket as unknown as Socket
    const send = (message: unknown) => handler.message(connection, JSON.stringify(message))
    return { connection, socket, send }
  }
  const count = (name: StoredCounter) => counts[STORED_COUNTERS.indexOf(name)]
  return { open, count }
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
