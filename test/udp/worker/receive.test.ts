// From the socket to the handler: whose packet it is, by every word of its source address and by its port.
import { describe, expect, test } from 'bun:test'
import { NAME_WORDS } from '../../../src/os/message.ts'
import { PacketMemory } from '../../../src/os/packet-batch.ts'
import { socketAddress } from '../../../src/os/socket.ts'
import { LookAhead } from '../../../src/swarm/table/look-ahead.ts'
import { Request } from '../../../src/udp/wire/request.ts'
import {
  FAMILY_IPV6,
  RECEIVED_BYTES,
  REJECTED_SOURCE_PORT,
  SENT_BYTES,
} from '../../../src/udp/worker/counters.ts'
import type { PacketSource } from '../../../src/udp/worker/packet-source.ts'
import { serveBatch } from '../../../src/udp/worker/receive.ts'
import {
  addressBytes,
  announceRequest,
  connectRequest,
  peer,
  readAnnounce,
  readConnect,
} from '../../support/packets.ts'
import { UdpHarness } from '../harness.ts'

interface Packet {
  readonly from: string
  readonly port: number
  readonly packet: Buffer
}

const SLOTS = 64

/** Has a handler serve packets as they come from a socket; returns the answer to each, null for none. */
function serve(harness: UdpHarness, packets: readonly Packet[]): (Buffer | null)[] {
  const memory = new PacketMemory(SLOTS, 5184, 1472)
  const received = Buffer.from(memory.received.buffer)
  const names = new Int32Array(SLOTS * NAME_WORDS)
  for (const [i, { from, port, packet }] of packets.entries()) {
    received.set(packet, i * memory.slotWords * 4)
    const address = [...addressBytes(from)]
    names.set(
      socketAddress({ family: address.length === 4 ? 4 : 6, address, port }),
      i * NAME_WORDS,
    )
  }
  const answers: (Buffer | null)[] = packets.map(() => null)
  const released: number[] = []
  const source: PacketSource = {
    words: memory.received,
    out: memory.answers,
    names,
    current: 0,
    receive: (max: number) => Math.min(max, packets.length),
    wordOf: (i: number) => i * memory.slotWords,
    answerWord: () => memory.end,
    length: (i: number) => packets[i].packet.length,
    queue: (i: number, bytes: number) => {
      answers[i] = Buffer.from(Buffer.from(memory.answers.buffer, memory.end * 4, bytes))
      memory.end += Math.ceil(bytes / 16) * 4
    },
    release: (i: number) => {
      released.push(i)
    },
    flush: () => 0,
  }
  expect(serveBatch(source, harness.handler, new Request(), SLOTS)).toBe(packets.length)
  expect(released).toEqual(packets.map((_, i) => i))
  return answers
}

function newHarness(): UdpHarness {
  return new UdpHarness({ requestWorkers: 0 })
}

test.each(['10.0.0.7', '2001:db8::7', '::ffff:a00:7'])(
  'of all ports of %s only 0 gets no answer',
  (from) => {
    const ports = [0, ...Array.from({ length: 16 }, (_, bit) => 1 << bit), 65535]
    const answers = serve(
      newHarness(),
      ports.map((port) => ({ from, port, packet: connectRequest(port) })),
    )
    expect(answers[0]).toBeNull()
    for (const [i, answer] of answers.entries()) {
      if (i > 0) expect(readConnect(answer as Buffer).transaction).toBe(ports[i])
    }
  },
)

test('a packet from port 0 counts in its own address family, whatever came before it', () => {
  const [ipv4, ipv6] = ['10.0.0.7', '2001:db8::7'].map((from) => ({ from, port: 0 }))
  const packet = connectRequest()
  const harness = newHarness()
  const count = (family: 'ipv4' | 'ipv6') => {
    const { counts } = harness.handler
    const first = family === 'ipv4' ? 0 : FAMILY_IPV6
    return [counts[first + REJECTED_SOURCE_PORT], counts[first + RECEIVED_BYTES]]
  }
  serve(harness, [
    { ...ipv4, port: 1, packet },
    { ...ipv6, packet },
  ])
  expect([count('ipv4'), count('ipv6')]).toEqual([
    [0, 16],
    [1, 16],
  ])
  serve(harness, [
    { ...ipv6, port: 1, packet },
    { ...ipv4, packet },
  ])
  expect([count('ipv4'), count('ipv6')]).toEqual([
    [1, 32],
    [1, 32],
  ])
})

describe.each([
  ['10.1.2.3', '10.1.2.4', '10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:7:8:9:a:b:c', '2001:db8:1:2:3:4:5:6'],
  ['::ffff:a01:203', '::ffff:a01:204', '10.1.2.3'],
])('%s', (from, other, given) => {
  test(`is given to others as ${given}, and counted in that family`, () => {
    const harness = newHarness()
    const packets = [from, other].map((each) => ({ from: each, port: 5000 }))
    const ids = serve(
      harness,
      packets.map((each) => ({ ...each, packet: connectRequest() })),
    ).map((answer) => readConnect(answer as Buffer).connectionId)
    const [, second] = serve(
      harness,
      packets.map((each, i) => ({ ...each, packet: announceRequest(ids[i], { port: 6000 + i }) })),
    )
    const ipv4 = given.includes('.')
    expect(readAnnounce(second as Buffer, ipv4 ? 4 : 6).peers).toEqual([
      peer(addressBytes(given), 6000),
    ])
    const { counts } = harness.handler
    const sent = [counts[SENT_BYTES], counts[FAMILY_IPV6 + SENT_BYTES]]
    const bytes = 2 * 16 + 2 * 20 + (ipv4 ? 6 : 18)
    expect(sent).toEqual(ipv4 ? [bytes, 0] : [0, bytes])
  })
})

test('a batch that is looked through ahead gets the same answers', () => {
  const froms = ['10.1.2.3', '2001:db8::5', '::ffff:a01:204', '10.9.9.9', '2001:db8::6']
  const answersOf = (withAhead: boolean) => {
    const harness = newHarness()
    const { swarms, buffers } = harness.swarm
    const totals = new Int32Array(buffers.control)
    if (withAhead) harness.handler.ahead = new LookAhead(swarms, totals, SLOTS, 0)
    const connects = froms.map((from) => ({ from, port: 5000, packet: connectRequest() }))
    const ids = serve(harness, connects).map((one) => readConnect(one as Buffer).connectionId)
    const announces = Array.from({ length: 60 }, (_, i) => ({
      from: froms[i % froms.length],
      port: 5000,
      packet: announceRequest(ids[i % froms.length], {
        infoHash: Buffer.alloc(20, i % 7),
        port: 6000 + i,
      }),
    }))
    // Among them a packet that is too short, one with a wrong id, and a connect.
    announces[10].packet = announces[10].packet.subarray(0, 97)
    announces[20].packet.writeUInt32BE(1, 0)
    announces[30].packet = connectRequest()
    const answers = [serve(harness, announces), serve(harness, announces)].flat()
    return {
      answers: answers.map((one) => one?.toString('hex') ?? ''),
      counts: harness.handler.counts,
    }
  }
  const [plain, ahead] = [answersOf(false), answersOf(true)]
  expect(plain.answers.filter((answer) => answer !== '').length).toBe(116)
  expect(ahead.answers).toEqual(plain.answers)
  expect([...ahead.counts]).toEqual([...plain.counts])
})
