// A socket worker by itself. It is told to stop before it starts: so it serves what waits in its sockets, and
// ends.
import { afterEach, expect, test } from 'bun:test'
import { RingReader } from '../../../src/channel/ring.ts'
import { countOf } from '../../../src/metrics/histogram.ts'
import { libc } from '../../../src/os/ffi.ts'
import { createLinks, type Links } from '../../../src/udp/pipeline/links.ts'
import { closeEnds, type End, openEnd } from '../../os/batch-pair.ts'
import { announceRequest, connectRequest } from '../../support/packets.ts'
import { connectionId, HOST, LoneWorkers, send } from '../lone-workers.ts'

/** Not the first place, whose counters start at 0. */
const SLOT = 1

const opened: End[] = []
afterEach(() => closeEnds(...opened.splice(0)))

function open(): End {
  const end = openEnd(HOST)
  opened.push(end)
  return end
}

function sendTo(socket: End, packets: readonly Buffer[]): End {
  const client = send(socket, packets)
  opened.push(client)
  return client
}

async function serve(
  sockets: readonly End[],
  batchPackets = 64,
  links: Links | null = null,
): Promise<LoneWorkers> {
  const workers = new LoneWorkers()
  workers.stop()
  const { ended } = await workers.startSocketWorker(SLOT, sockets, batchPackets, links)
  await ended
  return workers
}

const CONNECTS = Array.from({ length: 5 }, (_, i) => connectRequest(i))

function announces(count: number): Buffer[] {
  const id = connectionId()
  return Array.from({ length: count }, (_, i) => announceRequest(id, { port: 1000 + i }))
}

test('counts and measures what it serves, in its own place, and shows that it is alive', async () => {
  const socket = open()
  const before = performance.now()
  const client = sendTo(socket, [...CONNECTS, ...announces(3)])
  const workers = await serve([socket])
  const took = (performance.now() - before) * 1e6
  const { counts, beats } = workers.of(SLOT)
  expect(counts).toMatchObject({ requests_connect_ipv4: 5, responses_announce_ipv4: 3 })
  expect(beats).toBeGreaterThan(0)
  for (const other of [0, 2]) expect(workers.of(other)).toEqual({ counts: {}, beats: 0 })
  expect(client.batch.receive(64)).toBe(8)
  const [times, sizes] = [workers.measured('response_time'), workers.measured('batch_size')]
  expect(countOf(sizes)).toBe(1)
  expect(sizes.sum).toBe(8)
  expect(countOf(times)).toBe(8)
  // Each has waited for the whole batch.
  expect(times.sum).toBeGreaterThan(0)
  expect(times.sum).toBeLessThan(took * 8)
})

test('serves each of its sockets', async () => {
  const sockets = [open(), open(), open()]
  const clients = sockets.map((socket, i) => sendTo(socket, CONNECTS.slice(i)))
  const workers = await serve(sockets)
  expect(workers.of(SLOT).counts.responses_connect_ipv4).toBe(12)
  expect(countOf(workers.measured('batch_size'))).toBe(3)
  expect(clients.map(({ batch }) => batch.receive(64))).toEqual([5, 4, 3])
})

test('that is to stop answers what waits, but not for ever', async () => {
  const socket = open()
  sendTo(socket, Array(30).fill(connectRequest()))
  const workers = await serve([socket], 1)
  expect(workers.of(SLOT).counts.responses_connect_ipv4).toBe(16)
  expect(countOf(workers.measured('batch_size'))).toBe(16)
})

test('with request workers measures what it answers by itself, and passes on the rest', async () => {
  const links = createLinks(1, 2)
  const socket = open()
  try {
    const client = sendTo(socket, [...CONNECTS, ...announces(3)])
    const workers = await serve([socket], 64, links)
    expect(client.batch.receive(64)).toBe(5)
    const { counts } = workers.of(SLOT)
    expect(counts).toMatchObject({ requests_announce_ipv4: 3, responses_connect_ipv4: 5 })
    expect(workers.measured('batch_size').sum).toBe(8)
    expect(countOf(workers.measured('response_time'))).toBe(5)
    expect(links.requestWorkers.map(({ requests }) => recordsIn(requests[0]))).toContain(3)
  } finally {
    libc.close(links.socketWorkers[0].event)
  }
})

function recordsIn(ring: SharedArrayBuffer): number {
  const reader = new RingReader(ring)
  let records = 0
  if (reader.refresh()) while (reader.next() !== 0) records++
  return records
}
