import { describe, expect, test } from 'bun:test'
import { swapBytes } from '../../../src/memory/byte-order.ts'
import {
  errorText,
  writeAnnounceHead,
  writeConnect,
  writeError,
  writePeersIPv4,
  writePeersIPv6,
  writeScrapeEntry,
  writeScrapeHead,
} from '../../../src/udp/wire/serialize.ts'

/** As it lies in memory: the client's bytes 01 02 03 04. */
const TRANSACTION = 0x04030201
const AT = 5

/** What a writer wrote from word AT on, and nothing before. */
function written(write: (out: Int32Array) => number): string {
  const out = new Int32Array(600).fill(-1)
  const size = write(out)
  expect(out.subarray(0, AT).every((word) => word === -1)).toBe(true)
  // A last half word may be filled up, but nothing behind it is touched.
  const end = AT + Math.ceil(size / 4)
  expect(out.subarray(end).every((word) => word === -1)).toBe(true)
  return Buffer.from(out.buffer, AT * 4, size).toString('hex')
}

function hex(...parts: (string | number)[]): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : part.toString(16).padStart(8, '0')))
    .join('')
}

test('a connect response has action, transaction and id, each byte as it came', () => {
  const text = written((out) => writeConnect(out, AT, TRANSACTION, 0x44332211, 0x88776655 | 0))
  expect(text).toBe('00000000' + '01020304' + '1122334455667788')
})

describe.each([
  { name: 'IPv4', addressWords: 1, writePeers: writePeersIPv4 },
  { name: 'IPv6', addressWords: 4, writePeers: writePeersIPv6 },
])('an announce response over $name', ({ addressWords, writePeers }) => {
  const stride = addressWords + 1
  const max = addressWords === 1 ? 242 : 67

  /** Peers as they lie in a swarm: address words, then the port under bits that are not to be sent. */
  const memory = new Int32Array(300 * stride)
  for (let i = 0; i < memory.length; i++) memory[i] = Math.imul(i + 1, 0x9e3779b1)

  const peerHex = (index: number) =>
    Buffer.from(memory.buffer, index * stride * 4, addressWords * 4 + 2).toString('hex')

  /** `runs`: index of the first peer and number of peers. */
  function announced(...runs: [first: number, count: number][]): string {
    const list = Int32Array.from(runs.flatMap(([first, count]) => [first * stride, count]))
    const interval = swapBytes(1800)
    return written((out) => {
      writeAnnounceHead(out, AT, TRANSACTION, interval, 7, 0x1234567)
      return writePeers(out, AT, memory, list, runs.length)
    })
  }

  const head = hex(1, '01020304', 1800, 7, 0x1234567)

  test('has 20 bytes without peers: interval, leechers, seeders', () => {
    expect(announced()).toBe(head)
  })

  test('holds any number of peers of one run, without gaps', () => {
    for (let count = 0; count <= max; count++) {
      const peers = Array.from({ length: count }, (_, i) => peerHex(i + 3))
      expect(announced([3, count])).toBe(head + peers.join(''))
    }
  })

  test('joins runs without gaps, of odd and even lengths in every order', () => {
    for (const a of [0, 1, 2, 3]) {
      for (const b of [0, 1, 2, 5]) {
        for (const c of [1, 4]) {
          const runs: [number, number][] = [
            [40, a],
            [7, b],
            [90, c],
          ]
          const peers = runs.flatMap(([first, count]) =>
            Array.from({ length: count }, (_, i) => peerHex(first + i)),
          )
          expect(announced(...runs)).toBe(head + peers.join(''))
        }
      }
    }
  })

  test('fills a packet to the limit of its family at most', () => {
    const bytes = announced([0, max]).length / 2
    const limit = addressWords === 1 ? 1472 : 1232
    expect(bytes).toBeLessThanOrEqual(limit)
    expect(bytes + addressWords * 4 + 2).toBeGreaterThan(limit)
  })
})

test('a scrape response has seeders, completed and leechers of each torrent in order', () => {
  const text = written((out) => {
    writeScrapeHead(out, AT, TRANSACTION)
    expect(writeScrapeEntry(out, AT, 0, 1, 2, 3)).toBe(20)
    return writeScrapeEntry(out, AT, 1, 0x01020304, 0x0a0b0c0d, 0xfffffff)
  })
  expect(text).toBe(hex(2, '01020304', 1, 2, 3, 0x01020304, 0x0a0b0c0d, 0xfffffff))
})

describe('an error response', () => {
  const text = 'Tracker says no'

  test('is its text, of any length modulo 4', () => {
    for (let length = 1; length <= text.length; length++) {
      const part = text.slice(0, length)
      const bytes = written((out) => writeError(out, AT, TRANSACTION, errorText(part), 512))
      expect(bytes).toBe(hex(3, '01020304', Buffer.from(part).toString('hex')))
    }
  })

  test('is cut at the maximum', () => {
    for (let max = 8; max <= 8 + text.length; max++) {
      const out = new Int32Array(64)
      expect(writeError(out, 0, TRANSACTION, errorText(text), max)).toBe(max)
      expect(Buffer.from(out.buffer, 8, max - 8).toString()).toBe(text.slice(0, max - 8))
    }
  })
})
