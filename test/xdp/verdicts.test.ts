// What the program for network cards does with frames, in the kernel, against a second opinion written from the
// description in docs/kernel-bypass.md: what is taken, what is left to whom. Then with each of its decisions taken
// out, one by one, which has to show.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { SystemError } from '../../src/os/error.ts'
import { libc } from '../../src/os/ffi.ts'
import type { PortRange } from '../../src/xdp/program.ts'
import { redirectProgram } from '../../src/xdp/program.ts'
import { buildFrame, type FrameFields, MACS } from '../support/frames.ts'
import { addressBytes } from '../support/packets.ts'
import { ProgramBench, type Verdict } from '../support/program-run.ts'
import { randomWords } from '../support/random.ts'
import { WHY_NO_XDP } from '../support/xdp.ts'

setDefaultTimeout(120_000)

/** AQUATIC_TEST_FRAMES: more of them, such as 1000000. */
const FRAMES = Number(process.env.AQUATIC_TEST_FRAMES ?? 100_000)

const PORTS: readonly PortRange[] = [
  { from: 3000, to: 3000 },
  { from: 40000, to: 40100 },
]
const OURS = ['10.0.0.1', '10.0.0.2', '2001:db8::1'].flatMap((host) =>
  PORTS.map((ports) => ({ host, ports })),
)
const LONGEST = 1790

let bench: ProgramBench
let program: number
let words: Int32Array

beforeAll(() => {
  if (WHY_NO_XDP !== '') return
  bench = new ProgramBench(OURS)
  words = redirectProgram({ mac: MACS[0], ports: PORTS, maps: bench.maps }).words()
  program = bench.load(words)
})

afterAll(() => {
  if (WHY_NO_XDP !== '') return
  libc.close(program)
  bench.close()
})

const TAKEN: Verdict = 'taken'
const OTHERS: Verdict = 'passed: for others'
const FORM: Verdict = 'passed: in a form left to the kernel'

function secondOpinion(frame: Buffer): Verdict {
  if (frame.length < 42 || !frame.subarray(0, 6).equals(MACS[0])) return OTHERS
  const ip = frame.subarray(14)
  let address: Buffer
  let port: number
  switch (frame.readUInt16BE(12)) {
    case 0x0800:
      if (ip[9] !== 17) return OTHERS
      if (ip[0] !== 0x45 || (ip.readUInt16BE(6) & 0x3fff) !== 0) return FORM
      address = ip.subarray(16, 20)
      port = ip.readUInt16BE(22)
      break
    case 0x86dd:
      if (frame.length < 62 || ip[0] >> 4 !== 6 || ip[6] !== 17) return OTHERS
      address = ip.subarray(24, 40)
      port = ip.readUInt16BE(42)
      break
    default:
      return OTHERS
  }
  const range = PORTS.find(({ from, to }) => port >= from && port <= to)
  if (range === undefined) return OTHERS
  if (frame.length > LONGEST) return FORM
  const isOurs = OURS.some(
    ({ host, ports }) => ports === range && address.equals(addressBytes(host)),
  )
  return isOurs ? TAKEN : OTHERS
}

const to = (host: string, port: number) => ({ to: { host, port } })
const toIPv6 = (port: number) => to('2001:db8::1', port)

const IPV4: FrameFields = {
  from: { host: '10.0.0.7', port: 6881 },
  to: { host: '10.0.0.1', port: 3000 },
  payload: Buffer.alloc(16),
}
const IPV6: FrameFields = { ...IPV4, from: { host: '2001:db8::7', port: 1 }, ...toIPv6(3000) }

function insert(frame: Buffer, at: number, ...bytes: number[]): Buffer {
  return Buffer.concat([frame.subarray(0, at), Uint8Array.from(bytes), frame.subarray(at)])
}

const ip4 = (change: (ip: Buffer) => void, more: Partial<FrameFields> = {}) =>
  buildFrame({ ...IPV4, ...more, change })
const ip6 = (change: (ip: Buffer) => void, more: Partial<FrameFields> = {}) =>
  buildFrame({ ...IPV6, ...more, change })
const bytes = (length: number) => ({ payload: Buffer.alloc(length) })

const KINDS: readonly [string, Verdict, () => Buffer][] = [
  ['a request over IPv4', TAKEN, () => buildFrame(IPV4)],
  ['a request over IPv6', TAKEN, () => buildFrame(IPV6)],
  ['an empty packet', TAKEN, () => buildFrame({ ...IPV4, ...bytes(0) })],
  ['an empty packet over IPv6', TAKEN, () => buildFrame({ ...IPV6, ...bytes(0) })],
  ['our second address', TAKEN, () => buildFrame({ ...IPV4, ...to('10.0.0.2', 3000) })],
  ['the first of several ports', TAKEN, () => buildFrame({ ...IPV4, ...to('10.0.0.1', 40000) })],
  ['the last of several ports', TAKEN, () => buildFrame({ ...IPV6, ...toIPv6(40100) })],
  ['the port before ours', OTHERS, () => buildFrame({ ...IPV4, ...to('10.0.0.1', 2999) })],
  ['the port after ours', OTHERS, () => buildFrame({ ...IPV6, ...toIPv6(3001) })],
  ['the port before several', OTHERS, () => buildFrame({ ...IPV4, ...to('10.0.0.1', 39999) })],
  ['the port after several', OTHERS, () => buildFrame({ ...IPV4, ...to('10.0.0.1', 40101) })],
  ['our port with its bytes exchanged', OTHERS, () => buildFrame({ ...IPV6, ...toIPv6(0xb80b) })],
  ['another address', OTHERS, () => buildFrame({ ...IPV4, ...to('10.0.0.3', 3000) })],
  ['another address over IPv6', OTHERS, () => buildFrame({ ...IPV6, ...to('2001:db8::2', 3000) })],
  [
    'our IPv4 address as an IPv6 one',
    OTHERS,
    () => buildFrame({ ...IPV6, ...to('::ffff:a00:1', 3000) }),
  ],
  [
    'our IPv4 address at the start of an IPv6 one',
    OTHERS,
    () => buildFrame({ ...IPV6, ...to('a00:1::', 3000) }),
  ],
  ['a broadcast address', OTHERS, () => buildFrame({ ...IPV4, ...to('10.0.0.255', 3000) })],
  ['everybody', OTHERS, () => buildFrame({ ...IPV4, ...to('255.255.255.255', 3000) })],
  ['a multicast address', OTHERS, () => buildFrame({ ...IPV6, ...to('ff02::1', 3000) })],
  ['the longest', TAKEN, () => buildFrame({ ...IPV4, ...bytes(LONGEST - 42) })],
  ['the longest over IPv6', TAKEN, () => buildFrame({ ...IPV6, ...bytes(LONGEST - 62) })],
  ['a byte too long', FORM, () => buildFrame({ ...IPV4, ...bytes(LONGEST - 41) })],
  ['a byte too long over IPv6', FORM, () => buildFrame({ ...IPV6, ...bytes(LONGEST - 61) })],
  [
    'a jumbo frame for others',
    OTHERS,
    () => buildFrame({ ...IPV4, ...to('10.0.0.1', 9), ...bytes(2900) }),
  ],
  ['a jumbo frame', FORM, () => buildFrame({ ...IPV4, ...bytes(2900) })],
  ['IP options', FORM, () => buildFrame({ ...IPV4, options: Uint8Array.of(1, 1, 1, 0) })],
  ['an IPv4 header that is too short', FORM, () => ip4((ip) => void ip.writeUInt8(0x44, 0))],
  ['IP version 5', FORM, () => ip4((ip) => void ip.writeUInt8(0x55, 0))],
  ['IP version 5 as IPv6', OTHERS, () => ip6((ip) => void ip.writeUInt8(0x50, 0))],
  ['the first fragment', FORM, () => ip4((ip) => void ip.writeUInt16BE(0x2000, 6))],
  ['a fragment from the middle', FORM, () => ip4((ip) => void ip.writeUInt16BE(0x20b9, 6))],
  ['the last fragment', FORM, () => ip4((ip) => void ip.writeUInt16BE(0x0001, 6))],
  ['the last of 64 KiB', FORM, () => ip4((ip) => void ip.writeUInt16BE(0x1fff, 6))],
  ['what must not be fragmented', TAKEN, () => ip4((ip) => void ip.writeUInt16BE(0x4000, 6))],
  ['the evil bit', TAKEN, () => ip4((ip) => void ip.writeUInt16BE(0x8000, 6))],
  ['a class of traffic', TAKEN, () => ip6((ip) => void ip.writeUInt32BE(0x6ff12345, 0))],
  ['TCP', OTHERS, () => ip4((ip) => void ip.writeUInt8(6, 9))],
  ['ICMP', OTHERS, () => ip4((ip) => void ip.writeUInt8(1, 9))],
  ['TCP over IPv6', OTHERS, () => ip6((ip) => void ip.writeUInt8(6, 6))],
  ['ICMP over IPv6', OTHERS, () => ip6((ip) => void ip.writeUInt8(58, 6))],
  ...[0, 43, 44, 51, 60, 135].map((header): [string, Verdict, () => Buffer] => [
    `the IPv6 extension header ${header}`,
    OTHERS,
    () =>
      insert(
        ip6((ip) => void ip.writeUInt8(header, 6)),
        54,
        17,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
      ),
  ]),
  ['a VLAN', OTHERS, () => insert(buildFrame(IPV4), 12, 0x81, 0, 0, 5)],
  ['two VLANs', OTHERS, () => insert(buildFrame(IPV6), 12, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6)],
  ['ARP', OTHERS, () => typed(0x0806)],
  ['PPPoE', OTHERS, () => typed(0x8864)],
  ['IPv6 as IPv4', OTHERS, () => typed(0x0800, IPV6)],
  ['IPv4 as IPv6', OTHERS, () => typed(0x86dd)],
  ['an Ethernet length', OTHERS, () => typed(46)],
  ...[0, 1, 2, 3, 4, 5].map((byte): [string, Verdict, () => Buffer] => [
    `another Ethernet address in byte ${byte}`,
    OTHERS,
    () => {
      const frame = buildFrame(byte % 2 === 0 ? IPV4 : IPV6)
      frame[byte] ^= 0x80
      return frame
    },
  ]),
  ['all Ethernet addresses', OTHERS, () => buildFrame(IPV4).fill(0xff, 0, 6)],
  ['a runt', OTHERS, () => buildFrame(IPV4).subarray(0, 14)],
  ['a byte less than headers over IPv4', OTHERS, () => buildFrame(IPV4).subarray(0, 41)],
  ['a byte less than headers over IPv6', OTHERS, () => buildFrame(IPV6).subarray(0, 61)],
]

function typed(type: number, fields = IPV4): Buffer {
  const frame = buildFrame(fields)
  frame.writeUInt16BE(type, 12)
  return frame
}

test.skipIf(WHY_NO_XDP !== '').each(KINDS)(`%s: %s${WHY_NO_XDP}`, (_, verdict, make) => {
  expect(bench.run(program, make())).toBe(verdict)
  expect(secondOpinion(make())).toBe(verdict)
})

/** One of the frames above with some bytes changed, most of them where decisions are made. */
function mutated(frames: readonly Buffer[], random: () => number): Buffer {
  const frame = Buffer.from(frames[random() % frames.length])
  for (let n = random() % 4; n > 0; n--) {
    const at = random() % (random() % 4 === 0 ? frame.length : 62)
    if (at < frame.length)
      frame[at] = random() % 3 === 0 ? frame[at] ^ (1 << (random() & 7)) : random()
  }
  const length = 14 + (random() % (frame.length - 13))
  return random() % 8 === 0 ? frame.subarray(0, length) : frame
}

test.skipIf(WHY_NO_XDP !== '')(`${FRAMES} mutated frames: both agree${WHY_NO_XDP}`, () => {
  const random = randomWords(20)
  const frames = KINDS.map(([, , make]) => make())
  const seen = new Map<Verdict, number>()
  for (let i = 0; i < FRAMES; i++) {
    const frame = mutated(frames, random)
    const verdict = bench.run(program, frame)
    if (verdict !== secondOpinion(frame)) {
      throw new Error(
        `frame ${i}: ${verdict}, should be ${secondOpinion(frame)}: ${frame.toString('hex')}`,
      )
    }
    seen.set(verdict, (seen.get(verdict) ?? 0) + 1)
  }
  for (const verdict of [TAKEN, OTHERS, FORM])
    expect(seen.get(verdict)).toBeGreaterThan(FRAMES / 50)
})

test.skipIf(WHY_NO_XDP !== '')(`a queue that nobody serves is the kernel's${WHY_NO_XDP}`, () => {
  const other = new ProgramBench(OURS)
  const loaded = other.load(
    redirectProgram({ mac: MACS[0], ports: PORTS, maps: other.maps }).words(),
  )
  expect(other.run(loaded, buildFrame(IPV4))).toBe(TAKEN)
  other.leaveQueue()
  expect(other.run(loaded, buildFrame(IPV4))).toBe('passed: nobody serves the queue')
  expect(other.run(loaded, typed(0x0806))).toBe(OTHERS)
  libc.close(loaded)
  other.close()
})

const EXIT_OR_CALL = new Set([0x85, 0x95])
const GOTO = 0x05

test.skipIf(WHY_NO_XDP !== '')(`each decision of the program matters${WHY_NO_XDP}`, () => {
  const unnoticed: number[] = []
  for (let i = 0; i < words.length / 2; i++) {
    const operation = words[i * 2] & 0xff
    const kind = operation & 7
    const isDecision = (kind === 5 || kind === 6) && !EXIT_OR_CALL.has(operation)
    if (!isDecision || operation === GOTO) continue
    // Never taken; and always.
    for (const to of [GOTO, GOTO | (words[i * 2] & 0xffff0000)]) {
      const changed = Int32Array.from(words)
      changed[i * 2] = to
      changed[i * 2 + 1] = 0
      if (!isNoticed(changed)) unnoticed.push(i)
    }
  }
  expect(unnoticed).toEqual([])
})

/** Whether the kernel refuses such a program, or it decides otherwise about any frame. */
function isNoticed(changed: Int32Array): boolean {
  let other: number
  try {
    other = bench.load(changed)
  } catch (error) {
    if (error instanceof SystemError) return true
    throw error
  }
  try {
    return KINDS.some(([, verdict, make]) => bench.run(other, make()) !== verdict)
  } catch {
    return true
  } finally {
    libc.close(other)
  }
}
