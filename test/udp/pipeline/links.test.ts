import { afterEach, expect, test } from 'bun:test'
import { RingWriter } from '../../../src/channel/ring.ts'
import { libc } from '../../../src/os/ffi.ts'
import { createLinks, type Links, PAIRS_MAX } from '../../../src/udp/pipeline/links.ts'
import {
  REQUEST_RECORD_WORDS_MAX,
  RESPONSE_RECORD_WORDS_MAX,
} from '../../../src/udp/pipeline/record.ts'

let made: Links | undefined

function links(socketWorkers: number, requestWorkers: number): Links {
  made = createLinks(socketWorkers, requestWorkers)
  return made
}

afterEach(() => {
  for (const { event } of made?.socketWorkers ?? []) if (event >= 0) libc.close(event)
})

test('each pair of workers has a ring in each direction, of which both have an end', () => {
  const { socketWorkers, requestWorkers } = links(3, 2)
  expect(socketWorkers.length).toBe(3)
  expect(requestWorkers.length).toBe(2)
  for (const [s, socket] of socketWorkers.entries()) {
    for (const [r, request] of requestWorkers.entries()) {
      expect(socket.requests[r]).toBe(request.requests[s])
      expect(socket.responses[r]).toBe(request.responses[s])
      expect(socket.requestSleepWords[r]).toBe(request.sleepWord)
      expect(request.socketSleepWords[s]).toBe(socket.sleepWord)
      expect(request.events[s]).toBe(socket.event)
    }
  }
  const rings = socketWorkers.flatMap(({ requests, responses }) => [...requests, ...responses])
  expect(new Set(rings).size).toBe(12)
})

test('without request workers nothing is made', () => {
  const { socketWorkers, requestWorkers } = links(4, 0)
  expect(requestWorkers).toEqual([])
  for (const { requests, event } of socketWorkers) expect([requests.length, event]).toEqual([0, -1])
})

test('the rings of the most pairs take 64 MiB, and hold the longest records', () => {
  const { socketWorkers } = links(PAIRS_MAX / 8, 8)
  const rings = socketWorkers.flatMap(({ requests, responses }) => [...requests, ...responses])
  const bytes = rings.reduce((sum, ring) => sum + ring.byteLength, 0)
  expect(bytes).toBeLessThan(66 * 2 ** 20)
  const [{ requests, responses }] = socketWorkers
  expect(new RingWriter(requests[0], REQUEST_RECORD_WORDS_MAX).room(1)).toBeGreaterThan(0)
  expect(new RingWriter(responses[0], RESPONSE_RECORD_WORDS_MAX).room(1)).toBeGreaterThan(0)
})
