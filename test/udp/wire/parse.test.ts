import { expect, test } from 'bun:test'
import { swapBytes } from '../../../src/memory/byte-order.ts'
import {
  ANNOUNCE,
  CONNECT,
  numWant,
  parse,
  SCRAPE,
  TOO_SHORT,
  UNKNOWN_ACTION,
  WRONG_PROTOCOL_ID,
} from '../../../src/udp/wire/parse.ts'
import {
  announceRequest,
  connectRequest,
  PROTOCOL_ID,
  scrapeRequest,
} from '../../support/packets.ts'

const ID = Buffer.from('0123456789abcdef', 'hex')

/** Parses a packet that lies `at` words into memory, behind and before other bytes. */
function parsed(packet: Buffer, bytes = packet.length, at = 3): number {
  const memory = Buffer.alloc(2048, 0xff)
  memory.set(packet, at * 4)
  return parse(new Int32Array(memory.buffer, memory.byteOffset, 512), at, bytes)
}

test('a connect is known by its action and the protocol id', () => {
  expect(parsed(connectRequest())).toBe(CONNECT)
})

test('a connect with any bit of the protocol id wrong is not one', () => {
  for (let bit = 0n; bit < 64n; bit++) {
    expect(parsed(connectRequest(1, PROTOCOL_ID ^ (1n << bit)))).toBe(WRONG_PROTOCOL_ID)
  }
})

test('announce and scrape are known by their action, whatever the connection id', () => {
  expect(parsed(announceRequest(ID))).toBe(ANNOUNCE)
  expect(parsed(scrapeRequest(ID, []))).toBe(SCRAPE)
})

test('every packet below 16 bytes is too short, whatever is in it', () => {
  for (const packet of [connectRequest(), announceRequest(ID), scrapeRequest(ID, [])]) {
    for (let bytes = 0; bytes < 16; bytes++) expect(parsed(packet, bytes)).toBe(TOO_SHORT)
  }
})

test('an announce below 98 bytes is too short, and any longer one is not', () => {
  const packet = announceRequest(ID, { trailing: Buffer.alloc(600) })
  for (let bytes = 16; bytes < 98; bytes++) expect(parsed(packet, bytes)).toBe(TOO_SHORT)
  for (let bytes = 98; bytes < 698; bytes++) expect(parsed(packet, bytes)).toBe(ANNOUNCE)
})

test('no other action is known, also none that looks alike in another byte order', () => {
  const actions = [3, 4, 5, 255, 256, 0x10000, 0x01000000, 0x02000000, 0x7fffffff, 0xffffffff]
  for (const action of actions) {
    const packet = announceRequest(ID)
    packet.writeUInt32BE(action, 8)
    expect(parsed(packet)).toBe(UNKNOWN_ACTION)
  }
})

test.each([
  [-1, 50],
  [0, 50],
  [-2147483648, 50],
  [1, 1],
  [2, 2],
  [49, 49],
  [50, 50],
  [51, 50],
  [256, 50],
  [0x01000000, 50],
  [2147483647, 50],
])('num_want %d of at most 50 is %d', (wanted, peers) => {
  const packet = announceRequest(ID, { numWant: wanted })
  const words = new Int32Array(Uint8Array.from([...packet, 0, 0]).buffer)
  expect(numWant(words, 0, 50)).toBe(peers)
})

test('swapBytes turns a word round, and is its own inverse', () => {
  expect(swapBytes(0x01020304)).toBe(0x04030201)
  expect(swapBytes(0xff) >>> 0).toBe(0xff000000)
  for (const word of [0, 1, -1, 0x7fffffff, -2147483648, 0x12345678]) {
    expect(swapBytes(swapBytes(word))).toBe(word)
  }
})
