import { afterEach, describe, expect, test } from 'bun:test'
import { addressHigh, addressLow } from '../../src/os/ffi.ts'
import { REPLY_WORDS_MAX } from '../../src/os/message.ts'
import { SendBatch } from '../../src/os/send-batch.ts'
import {
  closeEnds,
  type End,
  openEnd,
  packetOf,
  portOf,
  pretendFrom,
  queueBytes,
  receiveSome,
} from './batch-pair.ts'

const opened: End[] = []

function open(host?: string, packetInfo?: boolean): End {
  const end = openEnd(host, packetInfo)
  opened.push(end)
  return end
}

afterEach(() => closeEnds(...opened.splice(0)))

const SLOTS = 8
const REPLY = 100
const PAYLOAD = 300

/** Memory as that of a ring: answers of other threads, and where they go. */
class Answers {
  readonly words = new Int32Array(new SharedArrayBuffer(8192))
  readonly bytes = new Uint8Array(this.words.buffer)
  readonly low = addressLow(this.words)
  readonly high = addressHigh(this.words)
  readonly batch: SendBatch
  private readonly server: End

  constructor(server: End) {
    this.server = server
    this.batch = new SendBatch(server.fd, SLOTS)
  }

  /** Queues an answer to packet `slot`, whose reply address travels first. */
  answer(slot: number, text: string): void {
    const at = REPLY + slot * 64
    const words = this.server.batch.writeReplyAddress(slot, this.words, at)
    expect(words).toBeLessThanOrEqual(REPLY_WORDS_MAX)
    const payload = PAYLOAD + slot * 64
    this.bytes.set(Buffer.from(text), payload * 4)
    this.batch.add(this.words, at, this.low, this.high, payload, text.length)
  }
}

function ask(client: End, host: string, port: number): void {
  pretendFrom(client, 0, host, port)
  queueBytes(client, 0, Buffer.from('question'))
  expect(client.batch.flush()).toBe(0)
}

// The client is on another address than the system would answer from by itself.
describe.each([
  ['127.0.0.1', false, '127.0.0.1', '127.0.0.9'],
  ['::1', false, '::1', '::1'],
  ['0.0.0.0', true, '127.0.0.5', '127.0.0.9'],
  ['::', true, '::1', '::1'],
  ['::', true, '::ffff:127.0.0.5', '127.0.0.9'],
])('a server on %s (packet info: %p), asked at %s', (bound, packetInfo, host, from) => {
  const asked = host.replace('::ffff:', '')

  test('answers later to where packets came from, from the address that was asked', () => {
    const server = open(bound, packetInfo)
    const answers = new Answers(server)
    const clients = [open(from), open(from), open(from)]
    for (const client of clients) ask(client, asked, server.port)
    for (let got = 0; got < 3; ) {
      const count = receiveSome(server, 8)
      for (let i = 0; i < count; i++) {
        answers.answer(i, `answer to ${portOf(server, i)}`)
        server.batch.release(i)
      }
      expect(answers.batch.queued).toBe(count)
      expect(answers.batch.flush()).toBe(0)
      got += count
    }
    for (const client of clients) {
      expect(receiveSome(client, 8)).toBe(1)
      expect(packetOf(client, 0).toString()).toBe(`answer to ${client.port}`)
      expect(portOf(client, 0)).toBe(server.port)
      expect(addressOf(client)).toBe(asked)
    }
  })
})

/** Where packet 0 came from, as text. */
function addressOf({ batch }: End): string {
  const bytes = Buffer.from(batch.names.buffer, batch.names.byteOffset, 32)
  return (batch.names[0] & 0xffff) === 2 ? bytes.subarray(4, 8).join('.') : '::1'
}

test('an answer that cannot be sent costs only itself', () => {
  const server = open()
  const client = open()
  const answers = new Answers(server)
  for (const port of [client.port, 0, client.port]) {
    pretendFrom(server, 0, '127.0.0.1', port)
    answers.answer(0, 'answer')
  }
  expect(answers.batch.flush()).toBe(1)
  expect(receiveSome(client, 8)).toBe(2)
  expect(answers.batch.flush()).toBe(0)
})

test('a slot that was used for one family and packet info is good for the other without', () => {
  const server = open('::', true)
  const plain = open('127.0.0.1')
  const [client4, client6] = [open('127.0.0.9'), open('::1')]
  const answers = new Answers(server)
  for (const [client, host] of [
    [client6, '::1'],
    [client4, '127.0.0.5'],
  ] as const) {
    ask(client, host, server.port)
    expect(receiveSome(server, 8)).toBe(1)
    answers.answer(0, 'answer')
    server.batch.release(0)
    expect(answers.batch.flush()).toBe(0)
    expect(receiveSome(client, 8)).toBe(1)
    client.batch.release(0)
  }
  pretendFrom(plain, 0, '127.0.0.9', client4.port)
  const words = plain.batch.writeReplyAddress(0, answers.words, REPLY)
  expect(words).toBe(3)
})

test('memory that crosses a 4 GiB border is read on the other side of it', () => {
  const server = open()
  const client = open()
  const batch = new SendBatch(server.fd, SLOTS)
  const words = new Int32Array(new SharedArrayBuffer(8192))
  pretendFrom(server, 0, '127.0.0.1', client.port)
  server.batch.writeReplyAddress(0, words, REPLY)
  new Uint8Array(words.buffer).set(Buffer.from('answer'), PAYLOAD * 4)
  // As if memory started in front of a border: word PAYLOAD + 2^30 − … wraps the lower half.
  const low = addressLow(words)
  const high = addressHigh(words)
  const before = 2 ** 28
  const start = (low - before * 4) | 0
  const carry = start >>> 0 > low >>> 0 ? 1 : 0
  batch.add(words, REPLY, start, high - carry, before + PAYLOAD, 6)
  expect(batch.flush()).toBe(0)
  expect(receiveSome(client, 8)).toBe(1)
  expect(packetOf(client, 0).toString()).toBe('answer')
})
